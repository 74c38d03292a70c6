"""What programs say of what they cannot use: one sentence that begins with the user's own word, and an exit code."""

import functools
import shlex
import signal
import time

import pytest

from tests.machine import Machine
from tests.messages import checkpoints, configuration, datasets, drawing, poses, programs, runs, scoring, shell
from tests.messages.runner import contents, name_of, run, start, take_away
from tests.messages.stock import write_stock

TABLES = (drawing, poses, datasets, configuration, checkpoints, runs, scoring, programs)  # Each may use those before.
ROWS = [row for module in TABLES for row in module.ROWS]
UNDER_WAY = [row for module in (drawing, datasets, scoring) for row in module.UNDER_WAY]
PROGRAMS = sorted({row.program for row in ROWS if not row.program.startswith("benchmarks/")})
# Slow to begin: as processes of their own with --long only.
SLOW = ("app", "app.transfer", "evaluation.flow", "evaluation.reference", "scripts/plot_run.py", "scripts/publish.py")
ALONE = [min((row for row in ROWS if row.program == program), key=lambda row: len(row.command)) for program in PROGRAMS]


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
    """That folder, where the programs find nothing that was downloaded."""
    monkeypatch.chdir(stock)
    monkeypatch.setenv("TORCH_HOME", "cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return stock


@pytest.fixture
def left(here):
    """left() -> what was made or changed in the folder meanwhile. It is taken away in the end."""
    before = contents(here)

    @functools.cache
    def difference():
        return sorted({path for path, _ in before.items() ^ contents(here).items()})

    yield difference
    take_away(path for path in difference() if path not in before)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_what_cannot_be_used_is_told_in_one_sentence_and_nothing_is_left(row, left, capfd):
    code = run(row.command)
    said = capfd.readouterr()
    (sentence,) = said.err.splitlines()
    assert sentence.startswith(f"error: {row.sentence}")
    assert (code, said.out) == (row.code, "")
    assert left() == []


@pytest.mark.parametrize("row", UNDER_WAY, ids=name_of)
def test_what_shows_while_a_program_is_at_work_is_told_at_last(row, left, capfd):
    code = run(row.command)
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith(f"error: {row.sentence}")
    assert code == row.code
    assert not [path for path in left() if path.endswith(".partial") and "/." in path]


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=pytest.mark.long if row.program in SLOW else (), id=name_of(row)) for row in ALONE]
    + [pytest.param(row, id=name_of(row)) for row in shell.LAUNCHES],
)
def test_the_process_ends_with_the_exit_code(row, here, left):
    process = start(row.command, here)
    said, error = process.communicate()
    assert (process.returncode, said) == (row.code, "")
    (sentence,) = error.splitlines()
    assert sentence.startswith(f"error: {row.sentence}")
    assert left() == []


def test_an_interrupted_process_says_so_and_leaves_nothing_by_halves(here, left):
    process = start(shell.INTERRUPTED, here)
    while not list(here.glob("new/img/*/*/*/*.jpg")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.communicate() == ("", "interrupted\n")
    assert process.returncode == 130
    assert not [path for path in left() if path.endswith(".partial")]


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
