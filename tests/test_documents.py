"""What the documents say is there: files, commands, flags, settings."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from config.schema import Config
from tests.conftest import ROOT

STARTERS = r"(?:NPROC=\S+ |NNODES=\S+ RDZV=\S+ )?(?:python|bash|torchrun|sbatch)"
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "checkpoints/README.md", "checkpoints/demo/README.md"]
DOCUMENTS += sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))
SHARED_FLAGS = ["config/flags.py", "config/sampling_flags.py", "app/inputs.py", "benchmarks/measure.py"]
IN_PLACE_OF = {"scripts/inference.sh": "test.py", "scripts/train.sh": "train.py", "scripts/slurm.sh": "train.py"}
IN_PLACE_OF |= {"scripts/evaluate.sh": "evaluation/__main__.py", "scripts/test.sh": "tests/conftest.py"}


def text_of(document):
    return (ROOT / document).read_text(encoding="utf-8")


def commands(document):
    """Its commands, as lists of words: of lines that are indented, fenced, or marked as code, without comments."""
    text = text_of(document).replace("\\\n", " ")
    lines = re.findall(rf"^(?: {{4}})?((?:{STARTERS}) .*)$", text, re.M)
    unfenced = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    lines += re.findall(rf"`((?:{STARTERS}) [^`]+)`", unfenced.replace("\n", " "))
    return [shlex.split(line, comments=True) for line in lines]


def program(words):
    """The file that a command runs, of this repository; None for a module of another's."""
    words = words[next(i for i, word in enumerate(words) if re.fullmatch(STARTERS, word)) + 1 :]
    if words[0] != "-m":
        return next((word for word in words if word.endswith((".py", ".sh"))), " ".join(words))
    path = words[1].replace(".", "/")
    return next((name for name in (f"{path}.py", f"{path}/__main__.py") if (ROOT / name).is_file()), None)


PYTEST_FLAGS = ("--cov",)
SETTING = r"`(model|data|loss|training|sampling)\.(?!py`|md`|safetensors`)([a-z_0-9]+)(?:=[^`]+)?`"
CASES = [(document, words) for document in DOCUMENTS for words in commands(document)]
IDS = [f"{document}: {' '.join(words)}" for document, words in CASES]


def test_there_are_commands_to_check():
    assert len(CASES) > 60
    assert {words[0] for _, words in CASES} >= {"python", "bash", "torchrun", "sbatch"}


@pytest.mark.parametrize(("document", "words"), CASES, ids=IDS)
def test_a_command_names_a_program_and_flags_that_are_there(document, words):
    name = program(words)
    if name is None:
        assert words[:3] == ["python", "-m", "pytest"]
        return
    assert (ROOT / name).is_file(), f"{document}: {name}"
    sources = [name, IN_PLACE_OF.get(name, name), *SHARED_FLAGS]
    known = "".join(text_of(source) for source in sources)
    for word in words[words.index(name) if name in words else 0 :]:
        flag = word.partition("=")[0]
        if flag.startswith("--") and flag not in PYTEST_FLAGS:
            assert re.search(rf'(["\s|]){flag}["\s)]', known), f"{document}: {flag} of {name}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_pictures_lead_somewhere(document):
    targets = re.findall(r"\]\(([^)#\s]+)", text_of(document)) + re.findall(r'src="([^"]+)"', text_of(document))
    for target in targets:
        assert target.startswith("https://") or ((ROOT / document).parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_settings_that_are_named_exist(document):
    config = Config()
    for section, key in re.findall(SETTING, text_of(document)):
        assert hasattr(getattr(config, section), key), f"{section}.{key}"


def test_changes_are_said_to_go_into_files_and_names_that_are_there():
    rows = re.findall(r"^\| .* \| (.*) \|$", text_of("CONTRIBUTING.md").partition("| to have | touch |")[2], re.M)
    for row in rows:
        paths = [name for name in re.findall(r"`([\w/]+(?:\.\w+|/))`", row) if "/" in name]
        assert 1 <= len(paths) <= 3, row
        sources = "".join(text_of(path) for path in paths if Path(path).suffix)
        assert all((ROOT / path).exists() for path in paths), row
        for name in re.findall(r"`(\w+)`", row):
            assert re.search(rf"\b{name}\b", sources), name


def test_the_newest_version_of_the_changelog_is_the_programs():
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert re.search(r"^## (\S+?),", text_of("CHANGELOG.md"), re.M)[1] == project["version"]
