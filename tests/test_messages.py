"""What programs say of what they cannot use: one sentence that begins with the user's own word, and an exit code."""

import shutil

import pytest

from tests.messages import drawing
from tests.messages.runner import contents, name_of, run
from tests.messages.stock import write_stock

TABLES = (drawing,)
ROWS = [row for module in TABLES for row in module.ROWS]


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


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_what_cannot_be_used_is_told_in_one_sentence_and_nothing_is_left(row, here, capfd):
    before = contents(here)
    code = run(row.command)
    said, after = capfd.readouterr(), contents(here)
    for path in sorted(after.keys() - before.keys()):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    assert (code, said.out) == (row.code, "")
    (sentence,) = said.err.splitlines()
    assert sentence.startswith(f"error: {row.sentence}")
    assert after == before
