"""What programs say of what they cannot use: one sentence that begins with the user's own word, and an exit code."""

import shlex
import shutil

import pytest

from tests.machine import Machine
from tests.messages import checkpoints, configuration, datasets, drawing, poses, programs, runs, scoring, shell
from tests.messages.runner import contents, name_of, run, run_alone
from tests.messages.stock import write_stock

TABLES = (drawing, poses, datasets, configuration, checkpoints, runs, scoring, programs)  # Later ones use earlier ones'.
ROWS = [row for module in TABLES for row in module.ROWS]
UNDER_WAY = [row for module in (drawing, datasets, scoring) for row in module.UNDER_WAY]
FIRST = {row.program: row for row in reversed(ROWS) if "benchmarks" not in row.program}  # Of each program.
SLOW = ("app", "app.transfer", "evaluation.reference", "scripts/grid.py", "scripts/publish.py")  # To begin.
ALONE = [
    pytest.param(row, marks=pytest.mark.long if row.program in SLOW else (), id=name_of(row))
    for row in [*FIRST.values(), *shell.LAUNCHES]
]


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """The folder in which the commands are given, with all that they name."""
    folder = tmp_path_factory.mktemp("messages")
    write_stock(folder)
    for module in TABLES:
        module.write_inputs(folder)
    return folder


@pytest.fixture
def here(stock, monkeypatch):
    """That folder, where the programs find nothing that was downloaded. What they leave is taken away."""
    monkeypatch.chdir(stock)
    monkeypatch.setenv("TORCH_HOME", "cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    before = contents(stock)
    yield stock
    for path in sorted(contents(stock).keys() - before.keys()):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_what_cannot_be_used_is_told_in_one_sentence_and_nothing_is_left(row, here, capfd):
    before = contents(here)
    code = run(row.command)
    said = capfd.readouterr()
    (sentence,) = said.err.splitlines()
    assert sentence.startswith(f"error: {row.sentence}")
    assert (code, said.out) == (row.code, "")
    assert contents(here) == before


@pytest.mark.parametrize("row", UNDER_WAY, ids=name_of)
def test_what_shows_while_a_program_is_at_work_is_told_at_last(row, here, capfd):
    code = run(row.command)
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith(f"error: {row.sentence}")
    assert code == row.code
    assert not list(here.rglob(".*.partial"))


@pytest.mark.parametrize("row", ALONE)
def test_the_process_ends_with_the_exit_code(row, here):
    before = contents(here)
    done = run_alone(row.command, here)
    assert (done.returncode, done.stdout) == (row.code, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(f"error: {row.sentence}")
    assert contents(here) == before


def test_an_interrupted_process_says_so_and_leaves_nothing_by_halves(here):
    (row,) = shell.INTERRUPTED
    done = run_alone(row.command, here)
    assert (done.returncode, done.stderr, done.stdout) == (row.code, f"{row.sentence}\n", "")
    assert not list(here.rglob(".*.partial"))


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    return Machine(tmp_path_factory.mktemp("machine"))


@pytest.mark.parametrize("row", shell.ROWS, ids=name_of)
def test_what_shell_files_cannot_use_is_told_in_one_sentence(row, machine):
    words = shlex.split(row.command)
    variables = dict(word.split("=") for word in words if word[0].isupper())
    _, script, *flags = words[len(variables) :]
    done = machine.run(script, *flags, **variables)
    assert (done.returncode, done.stdout) == (row.code, "")
    assert done.stderr.splitlines()[-1] == f"error: {row.sentence}"
