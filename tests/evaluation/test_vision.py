import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from evaluation import vision

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"torchvision", "torchmetrics", "pytorch_fid"}
FOLDERS = ("benchmarks", "config", "data", "diffusion", "evaluation", "flow_ops", "models", "scripts")


def run(program):
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_training_and_drawing_do_not_import_torchvision():
    imported = run("import sys, training.trainer, models.pose_transfer; print(*sys.modules)")
    assert "torch" in imported
    assert PACKAGES.isdisjoint(imported)


def test_networks_can_be_made_in_a_fresh_process():
    program = "from evaluation import vision; print(type(vision.inception_v3(init_weights=False)).__name__)"
    assert run(program) == ["Inception3"]


def test_nothing_is_declared_where_the_library_can_be_loaded():
    program = """
import torch
make, kinds = torch.library.Library, []
torch.library.Library = lambda name, kind, *more: kinds.append((name, kind)) or make(name, kind, *more)
torch.ops.load_library = lambda path: None
try:
    import evaluation.vision
except (RuntimeError, AttributeError):  # torchvision, where its library has not been loaded in truth.
    pass
assert ("torchvision", "DEF") not in kinds
"""
    run(program)


@pytest.fixture
def tf32_on():
    """TF32 as some other part of a program may have set it."""
    modules: list[Any] = [torch.backends.cudnn, torch.backends.cuda.matmul]
    before = [module.allow_tf32 for module in modules]
    for module in modules:
        module.allow_tf32 = True
    yield modules
    for module, value in zip(modules, before, strict=True):
        module.allow_tf32 = value


def test_inference_computes_in_float32_and_leaves_the_settings_as_they_were(tf32_on):
    with vision.inference():
        assert [module.allow_tf32 for module in tf32_on] == [False, False]
        assert torch.backends.cudnn.enabled
        assert torch.is_inference_mode_enabled()
    with pytest.raises(ValueError, match="stop"), vision.inference():
        raise ValueError("stop")
    assert [module.allow_tf32 for module in tf32_on] == [True, True]


def test_one_file_alone_imports_them():
    files = [*ROOT.glob("*.py"), *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))]
    assert [file for file in files if PACKAGES & imports(file)] == [ROOT / "evaluation" / "vision.py"]


def imports(file):
    """Names of the packages that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found
