"""Running the repository's programs as a person does, and killing them."""

import os
import random
import subprocess
import sys
import time

from tests.conftest import ROOT

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def run(*words, check=True):
    """Run `python WORDS..` from the root; the finished process, its output as text."""
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def torchrun(processes, *words):
    """Run `torchrun --nproc_per_node PROCESSES WORDS..`."""
    return run("-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}", *words)


def run_with_kills(kills, progress, *words):
    """Start the same program again and again: killed with -9 `kills` times, then left to finish.

    Each kill comes at a random moment after `progress()`, a number that grows as the program works, has grown by a few.
    How many of them hit the program alive.
    """
    hits = 0
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, *map(str, words)], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        target = progress() + random.randint(0, 2)
        while process.poll() is None and progress() < target:
            time.sleep(0.01)
        time.sleep(random.uniform(0, 1))
        if process.poll() is None:
            os.killpg(process.pid, 9)
            hits += 1
        process.wait()
    run(*words)
    return hits
