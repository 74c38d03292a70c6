"""Running the repository's programs as `tests.processes` does, in processes forked from one that has torch loaded.

Everything of a program but its start is as a person sees it: its words, exit code, output, environment and signals.
"""

import atexit
import multiprocessing
import multiprocessing.connection
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from tests.conftest import ROOT

LOADED = ["diffusers.schedulers", "diffusion.drawing", "training.trainer", "torch.utils.tensorboard"]

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload([__name__, *LOADED])


def run(*words, check=True):
    """Run `python WORDS..` from the root; the finished process, its output as text."""
    return _finished(words, check, [{}])


def torchrun(processes, *words, check=True):
    """Run WORDS.. on several processes, as torchrun does. When one fails, the others are killed."""
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    common = {"WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes, "MASTER_ADDR": "127.0.0.1"}
    common |= {"MASTER_PORT": store.port, "TORCHELASTIC_USE_AGENT_STORE": True}
    return _finished(words, check, [common | {"RANK": rank, "LOCAL_RANK": rank} for rank in range(processes)])


def _finished(words, check, environments):
    words = [str(word) for word in words]
    with tempfile.TemporaryDirectory() as folder:
        logs = [Path(folder, name) for name in ("stdout", "stderr")]
        started = [context.Process(target=_program, args=(words, logs, variables)) for variables in environments]
        for process in started:
            process.start()
        _wait(started)
        code = next((process.exitcode for process in started if process.exitcode), 0)
        done = subprocess.CompletedProcess(words, code, *(log.read_text() for log in logs))
    assert not check or code == 0, done.stdout + done.stderr
    return done


def _wait(started):
    alive = list(started)
    try:
        while alive:
            multiprocessing.connection.wait([process.sentinel for process in alive])
            if any(process.exitcode for process in started):
                break
            alive = [process for process in alive if process.is_alive()]
    finally:
        for process in started:
            process.kill()
            process.join()


def _program(words, logs, variables):
    """What the forked process does: become `python WORDS..`."""
    become(logs, variables)
    try:
        if words[0] == "-c":
            sys.argv = ["-c", *words[2:]]
            exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
        elif words[0] == "-m":
            sys.argv = words[1:]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = words
            sys.path.insert(0, str(Path(ROOT, words[0]).parent))
            runpy.run_path(words[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()


def become(logs, variables=None):
    """Make a forked process one of its own: session, output, environment, and a program's way to start others."""
    os.setsid()
    os.chdir(ROOT)
    os.environ.update({"OMP_NUM_THREADS": "1"} | {name: str(value) for name, value in (variables or {}).items()})
    multiprocessing.set_start_method("fork", force=True)
    for stream, log in zip((1, 2), logs, strict=True):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    torch.set_num_threads(1)
