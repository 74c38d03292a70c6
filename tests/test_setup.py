"""setup.sh and the scripts, run on a copy of the shell files with an interpreter that only writes down pip's work."""

import re
import shutil
import subprocess

import pytest

from tests.machine import REQUIREMENTS, ROOT, SHELL_FILES, Machine, write_program


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def pinned(name):
    lines = (ROOT / name).read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("file", SHELL_FILES, ids=lambda file: file.name)
def test_a_shell_file_parses(file):
    subprocess.run(["bash", "-n", str(file)], check=True)


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned(name):
    assert all(re.fullmatch(r"\d+(\.\d+)+", version) for version in pinned(name).values())


def test_the_constraints_agree_with_the_requirements():
    constraints = pinned("constraints.txt")
    assert constraints["torch"] == pinned("requirements.txt")["torch"]
    assert constraints["torchvision"] == pinned("requirements.txt")["torchvision"]


def test_setup_installs_torch_first_and_checks_last(machine):
    result = machine.run("setup.sh")
    assert result.returncode == 0, result.stderr
    torch = f"torch=={pinned('requirements.txt')['torch']}"
    steps = [f"install {torch}", "install -r requirements.txt", "check"]
    assert machine.pip() == [f"constraints.txt |  | {step}" for step in steps]
    assert f"{machine.environment} is ready" in result.stderr


def test_setup_repeated_does_nothing(machine):
    machine.run("setup.sh")
    machine.pip()
    assert machine.run("setup.sh").returncode == 0
    assert machine.pip() == []


def test_a_changed_requirement_is_installed(machine):
    machine.run("setup.sh")
    machine.pip()
    with (machine.repository / "requirements.txt").open("a") as file:
        file.write("six==1.17.0\n")
    machine.run("setup.sh")
    assert len(machine.pip()) == 3


def test_dev_adds_the_test_tools_alone(machine):
    machine.run("setup.sh")
    machine.pip()
    machine.run("setup.sh", "--dev")
    steps = ("install --no-deps -r requirements-pose.txt", "install -r requirements-dev.txt", "check")
    assert machine.pip() == [f"constraints.txt |  | {step}" for step in steps]


def test_pose_adds_what_finds_poses(machine):
    machine.run("setup.sh")
    machine.pip()
    machine.run("setup.sh", "--pose")
    assert [step.split(" | ")[-1] for step in machine.pip()] == ["install --no-deps -r requirements-pose.txt", "check"]


def test_conflicts_are_told_but_for_the_opencv_that_rtmlib_asks_for(machine):
    harmless = "".join(
        f"rtmlib 0.0.16 requires opencv-{name}, which is not installed.\\n" for name in ("python", "contrib-python")
    )
    assert machine.run("setup.sh", CONFLICTS=harmless).stderr.count("conflicts above") == 0
    (machine.repository / "requirements.txt").open("a").write("\n")
    result = machine.run("setup.sh", CONFLICTS=harmless + "torch 2 requires sympy, which is not installed.\\n")
    assert "torch 2 requires sympy" in result.stderr
    assert "rtmlib" not in result.stderr
    assert "your environment holds the conflicts above" in result.stderr


def test_a_gpu_brings_the_cupy_of_torch_s_cuda(machine):
    machine.run("setup.sh")
    machine.pip()
    machine.add_gpu()
    assert "CuPy for CUDA 13" in machine.run("setup.sh").stderr
    assert machine.pip() == ["constraints.txt | 13 | install -r requirements-gpu.txt", "constraints.txt | 13 | check"]


def test_a_failed_installation_shows_its_step_and_is_tried_again(machine):
    result = machine.run("setup.sh", PIP_FAILS="-r requirements.txt")
    assert result.returncode == 1
    assert "pip install -r requirements.txt failed" in result.stderr
    machine.pip()
    machine.run("setup.sh")
    assert len(machine.pip()) == 3


def test_the_user_s_own_constraints_stay(machine):
    machine.run("setup.sh", PIP_CONSTRAINT="/mine.txt")
    assert machine.pip()[0].startswith("constraints.txt /mine.txt | ")


def test_an_active_conda_environment_is_used_but_not_its_base(machine):
    machine.variables["CONDA_PREFIX"] = machine.variables.pop("VIRTUAL_ENV")
    assert f"{machine.environment} is ready" in machine.run("setup.sh", CONDA_DEFAULT_ENV="mine").stderr
    own = machine.repository / ".venv"
    shutil.copytree(machine.environment, own)
    assert f"{own} is ready" in machine.run("setup.sh", CONDA_DEFAULT_ENV="base").stderr


def test_an_active_environment_that_is_gone_is_named(machine):
    result = machine.run("setup.sh", VIRTUAL_ENV="/gone")
    assert result.returncode == 1
    assert result.stderr.startswith("setup: /gone is the active environment")


def test_an_old_python_is_refused(machine):
    write_program(machine.environment / "bin/python", "#!/usr/bin/env bash\n[ $1 = --version ] && echo Python 3.8.0\n")
    result = machine.run("setup.sh")
    assert result.returncode == 1
    assert "is Python 3.8.0; python 3.11 or newer is needed" in result.stderr


def test_no_python_at_all_is_said(machine):
    del machine.variables["VIRTUAL_ENV"]
    for name in ("bash", "dirname", "cat"):
        (machine.programs / name).symlink_to(shutil.which(name))
    result = machine.run("setup.sh", PATH=str(machine.programs))
    assert result.returncode == 1
    assert "python 3.11 or newer" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "train.py config/deepfashion_256.yaml"),
        (["training.steps=1"], "train.py config/deepfashion_256.yaml training.steps=1"),
        (["config/demo_64.yaml", "training.steps=1"], "train.py config/demo_64.yaml training.steps=1"),
        (["a=b/mine.yaml"], "train.py a=b/mine.yaml"),
    ],
)
def test_training_takes_a_configuration_and_overrides(machine, arguments, expected):
    assert machine.run("scripts/train.sh", *arguments).stdout.strip() == expected


def test_inference_without_flags_draws_the_demo_pairs_with_the_demo_weights(machine):
    drawing = "test.py --checkpoint checkpoints/demo --data datasets/demo --out outputs/inference --replace"
    people = "data/synthetic.py --preset demo --out datasets/demo"
    assert machine.run("scripts/inference.sh").stdout.splitlines() == [people, drawing]
    (machine.repository / "datasets/demo").mkdir(parents=True)
    (machine.repository / "datasets/demo/test_pairs.txt").touch()
    assert machine.run("scripts/inference.sh").stdout.splitlines() == [drawing]


def test_inference_and_evaluation_hand_their_flags_on(machine):
    assert machine.run("scripts/inference.sh", "--out", "a b").stdout.strip() == "test.py --out a b"
    assert machine.run("scripts/evaluate.sh", "--limit", "3").stdout.strip() == "-m evaluation --limit 3"


def test_kernels_are_compiled_once_for_each_state_of_their_source(machine):
    assert machine.run("setup.sh").returncode == 0
    assert machine.run("setup.sh").returncode == 0
    assert machine.build_log.read_text() == "built\n"
    with open(machine.repository / "flow_ops/kernels.cu", "a") as source:
        source.write("\n")
    assert machine.run("setup.sh").returncode == 0
    assert machine.build_log.read_text() == 2 * "built\n"


def test_kernels_that_do_not_compile_are_told_and_stop_nothing(machine):
    for _ in range(2):
        done = machine.run("setup.sh", BUILD_FAILS="1")
        assert done.returncode == 0
        assert "no such architecture" in done.stderr
        assert "first use on a GPU" in done.stderr
    assert machine.build_log.read_text() == 2 * "built\n"
