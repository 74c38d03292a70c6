"""scripts/slurm.sh, with an srun and a scontrol that write down their calls."""

import os
import signal
import subprocess
import time

import pytest

from tests.machine import ROOT, write_program

SRUN = """#!/usr/bin/env bash
[ -z "$SLEEPS" ] || trap 'echo "told USR1" >>"$CALLS"; sleep 0.3; exit "$ENDS"' USR1
echo "srun $* | $# words | $NNODES $RDZV $RDZV_ID" >>"$CALLS"
for _ in $SLEEPS; do sleep 0.1; done
exit "$ENDS"
"""
SCONTROL = """#!/usr/bin/env bash
echo "scontrol $*" >>"$CALLS"
[ "$1" = requeue ] || printf 'node7\\nnode8\\n'
"""
VARIABLES = {
    "SLURM_JOB_ID": "123456",
    "SLURM_JOB_NODELIST": "node[7-8]",
    "SLURM_JOB_NUM_NODES": "2",
    "SLURM_CPUS_PER_TASK": "4",
}
STARTED = (
    "srun --cpus-per-task=4 --kill-on-bad-exit=0 bash scripts/train.sh config/demo_64.yaml training.name=a b"
    " | 6 words | 2 node7:23456 123456"
)


class Batch:
    """A job whose tasks end with the exit code `ends`, at once or when they are told USR1."""

    def __init__(self, folder):
        self.folder = folder
        self.calls_file = folder / "calls"
        self.calls_file.touch()
        write_program(folder / "programs/srun", SRUN)
        write_program(folder / "programs/scontrol", SCONTROL)

    def start(self, ends, sleeps=False, cwd=ROOT):
        variables = {"CALLS": str(self.calls_file), "ENDS": str(ends), "SLEEPS": "x " * 100 if sleeps else ""}
        path = f"{self.folder / 'programs'}:{os.environ['PATH']}"
        return subprocess.Popen(
            ["bash", str(ROOT / "scripts/slurm.sh"), "config/demo_64.yaml", "training.name=a b"],
            env=os.environ | VARIABLES | variables | {"PATH": path}, cwd=cwd, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def calls(self):
        return self.calls_file.read_text().splitlines()

    def wait_until_started(self):
        deadline = time.monotonic() + 10
        while STARTED not in self.calls():
            assert time.monotonic() < deadline, self.calls()
            time.sleep(0.05)
        time.sleep(0.1)  # Until the script waits for srun.


@pytest.fixture
def batch(tmp_path):
    return Batch(tmp_path)


def test_the_tasks_are_told_where_the_first_node_is(batch):
    assert batch.start(0).wait(10) == 0
    assert batch.calls() == ["scontrol show hostnames node[7-8]", STARTED]


@pytest.mark.parametrize("code", [1, 2, 130])
def test_a_failure_is_passed_on_and_not_queued_again(batch, code):
    assert batch.start(code).wait(10) == code
    assert batch.calls()[1:] == [STARTED]


def test_tasks_that_have_stopped_are_queued_again(batch):
    assert batch.start(75).wait(10) == 75
    assert batch.calls()[1:] == [STARTED, "scontrol requeue 123456"]


@pytest.mark.parametrize("told", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_reaches_the_tasks_once_and_their_end_is_awaited(batch, told):
    job = batch.start(75, sleeps=True)
    batch.wait_until_started()
    job.send_signal(told)
    time.sleep(0.1)
    job.send_signal(signal.SIGTERM)
    assert job.wait(20) == 75
    assert batch.calls()[2:] == ["told USR1", "scontrol requeue 123456"]


def test_tasks_that_end_well_when_told_are_done(batch):
    job = batch.start(0, sleeps=True)
    batch.wait_until_started()
    job.send_signal(signal.SIGUSR1)
    assert job.wait(20) == 0
    assert batch.calls()[2:] == ["told USR1"]


def test_another_folder_is_refused(batch, tmp_path):
    job = batch.start(0, cwd=tmp_path)
    assert job.communicate(timeout=10)[1] == f"slurm.sh: submit it in the repository's folder, not in {tmp_path}\n"
    assert (job.returncode, batch.calls()) == (2, [])
