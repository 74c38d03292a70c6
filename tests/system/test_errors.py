import subprocess
import sys

import pytest

from system.errors import InputError, command, printable
from tests.processes import ENVIRONMENT, ROOT, run


def program(main):
    return f"from system.errors import InputError, command\n@command\ndef main():\n    {main}\nmain()"


@pytest.mark.parametrize(
    ("main", "code", "words"),
    [
        ("raise InputError('--flag: wrong')", 2, "error: --flag: wrong\n"),
        ("open('nowhere/file')", 2, "error: nowhere/file: No such file or directory\n"),
        ("raise KeyboardInterrupt", 130, "interrupted\n"),
    ],
)
def test_what_ends_a_program_is_told_in_one_line_with_its_exit_code(main, code, words):
    done = run("-c", program(main), check=False)
    assert (done.returncode, done.stderr) == (code, words)


def test_other_errors_are_not_hidden():
    assert "Traceback" in run("-c", program("raise ValueError('mine')"), check=False).stderr


def test_a_reader_that_goes_away_ends_a_program_quietly():
    words = [sys.executable, "-c", program("[print('x' * 1000) for _ in range(10000)]")]
    process = subprocess.Popen(
        words, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 141


def test_the_result_of_a_command_is_that_of_its_function():
    assert command(lambda: 3)() == 3
    with pytest.raises(SystemExit):
        command(_refuse)()


def _refuse():
    raise InputError("--flag: wrong")


def test_names_out_of_a_file_are_quoted_and_cut_when_they_are_odd():
    assert printable("a.weight") == "a.weight"
    assert printable("a\nb") == "'a\\nb'"
    assert len(printable(1000 * "x")) == 200
