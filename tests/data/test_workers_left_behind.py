"""Loader processes whose parent ends, in whatever way."""

import contextlib
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.data.test_workers import comes_true, runs
from tests.processes import ENVIRONMENT

PARENT = """
import multiprocessing, os, time
from data.loader import Loader
from tests.data.test_workers import PAIRS, Numbers
batches = iter(Loader(Numbers({arguments}), 3, PAIRS))
next(batches)
print(*(process.pid for process in multiprocessing.active_children()), flush=True)
"""


@contextlib.contextmanager
def parent(end, arguments=""):
    """A process that has a loader's batches half read and then does `end`; and its workers' process ids."""
    code = PARENT.format(arguments=arguments) + end
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    with process:
        pids = list(map(int, process.stdout.readline().split()))
        assert len(pids) == 3
        yield process, pids


@pytest.mark.parametrize("arguments", ["", "8, lambda: time.sleep(1)"])
def test_a_parent_killed_leaves_no_worker_behind(arguments):
    with parent("time.sleep(60)", arguments) as (process, pids):
        assert all(map(runs, pids))
        process.kill()
        assert comes_true(lambda: not any(map(runs, pids)))
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        ("", 0, ""),
        ("raise SystemExit(3)", 3, ""),
        ("raise KeyError('mine')", 1, "KeyError: 'mine'"),
        ("os._exit(4)", 4, ""),
    ],
)
def test_a_parent_that_ends_midway_ends_quietly(end, code, said):
    with parent(end) as (process, pids):
        _, errors = process.communicate(timeout=20)
        assert process.returncode == code
        assert errors.strip().endswith(said)
        assert bool(errors) == bool(said)
        assert errors.count("Traceback") == bool(said)
        assert comes_true(lambda: not any(map(runs, pids)))
