"""Command lines as they are typed, run in this process, and what is to be said of each that cannot be used."""

import contextlib
import os
import runpy
import shlex
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT
from tests.disk import files_end_at
from tests.processes import ENVIRONMENT


class Refusal(NamedTuple):
    """A row of a table."""

    wrong: str  # What is wrong.
    command: str
    sentence: str  # How it begins.
    code: int = 2  # The process's exit code.

    @property
    def program(self):
        """Such as `test.py` or `app.transfer`."""
        words = [word for word in self.command.rpartition("; ")[2].split() if "=" not in word]
        return next(word for word in words if word not in ("python", "bash", "-m"))


def table(usual, *rows):
    """Refusals of rows (what is wrong, words, sentence[, code]), whose commands are `usual` and these words."""
    return [Refusal(wrong, f"{usual} {words}".strip(), *rest) for wrong, words, *rest in rows]


def name_of(row):
    """What a row is called in pytest's output."""
    return f"{row.program}: {row.wrong}"


def run(command):
    """Run `python PROGRAM WORDS ..` as the main program. Its exit code.

    After `ulimit -f N;` no file can grow beyond N KiB: writing more fails as on a full disk.
    """
    limit, _, rest = command.rpartition("; ")
    _, *words = shlex.split(rest)
    with files_end_at(1024 * int(limit.split()[-1])) if limit else contextlib.nullcontext(), _as_main():
        try:
            if words[0] == "-m":
                sys.argv = words[1:]
                runpy.run_module(words[1], run_name="__main__", alter_sys=True)
            else:
                sys.argv = words
                runpy.run_path(str(ROOT / words[0]), run_name="__main__")
        except SystemExit as end:
            return end.code or 0
    return 0


def start(command, here):
    """Start such a command as a process of its own, from the folder `here`."""
    words = [sys.executable if word == "python" else word for word in shlex.split(command)]
    words = [str(ROOT / word) if (ROOT / word).is_file() and word.endswith(".py") else word for word in words]
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(words, cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextlib.contextmanager
def _as_main():
    """Give back what a main program takes for its own."""
    argv, path = sys.argv, list(sys.path)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'.*' found in sys.modules", RuntimeWarning)
            yield
    finally:
        sys.argv, sys.path[:] = argv, path


def contents(folder):
    """Path -> size and time of change of each file below a folder that is not empty, None for all else."""
    found = {}
    for entry in os.scandir(folder):
        state = entry.stat(follow_symlinks=False)
        found[entry.path] = (state.st_size, state.st_mtime_ns) if entry.is_file() and state.st_size else None
        if entry.is_dir(follow_symlinks=False):
            found |= contents(entry)
    return found


def take_away(paths):
    """Delete what is at these paths, and below."""
    for path in sorted(map(Path, paths)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
