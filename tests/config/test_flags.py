import tomllib

import pytest

from config.flags import Parser, number, size, whole
from system.errors import InputError
from tests.conftest import ROOT


def test_flags_that_fit_are_read():
    assert whole("--steps", 1, 1000)("1000") == 1000
    assert whole("--seed", 0)("0") == 0
    assert number("--guidance", 0)("1.5") == 1.5
    assert size("--size")("256x176") == (256, 176)


@pytest.mark.parametrize("text", ["0", "1001", "-1", "1.5", "many", ""])
def test_numbers_that_do_not_fit_are_refused_by_their_flag(text):
    with pytest.raises(InputError, match=r"^--steps: expected a whole number, from 1 to 1000, got"):
        whole("--steps", 1, 1000)(text)


@pytest.mark.parametrize("text", ["0x5", "256", "axb", "256x", "15x16", "-4x4"])
def test_sizes_that_do_not_fit_are_refused_by_their_flag(text):
    with pytest.raises(InputError, match=r"^--size: expected HEIGHTxWIDTH"):
        size("--size", 16)(text)


@pytest.mark.parametrize("text", ["-0.1", "nan", "inf", "much", ""])
def test_quantities_that_do_not_fit_are_refused_by_their_flag(text):
    with pytest.raises(InputError, match=r"^--guidance: expected a number, 0 or more, got"):
        number("--guidance", 0)(text)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kind", "c"], "--kind: expected one of 'a', 'b', got 'c'"),
        ([], "--kind: required, and not given"),
        (["--kind", "a", "--more"], "--more: not known; --help lists the flags"),
        (["--kind"], "--kind: expected one argument"),
        (["--kin", "a"], "--kind: required"),
    ],
)
def test_a_command_line_that_does_not_fit_is_told_by_the_flag_at_fault(words, message):
    parser = Parser("What it does.")
    parser.add_argument("--kind", choices=("a", "b"), required=True)
    with pytest.raises(InputError) as caught:
        parser.parse_args(words)
    assert str(caught.value).startswith(message)


def test_every_program_tells_its_version(capsys):
    with pytest.raises(SystemExit) as caught:
        Parser("Words.").parse_args(["--version"])
    assert caught.value.code == 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert capsys.readouterr().out.startswith(f"{project['name']} {project['version']}")
