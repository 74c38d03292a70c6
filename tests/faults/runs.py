"""Training runs to be killed, stopped and starved: real processes, started quickly from one that has torch loaded."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import torch
from safetensors.torch import load_file

from models.run_folder import checkpoint_steps, newest_whole
from system.errors import STOPPED, command
from tests.conftest import ROOT
from tests.processes import ENVIRONMENT
from tests.warm import become, context
from training.health import StopSignals
from training.report import read_metrics
from training.run_record import read_sessions
from training.trainer import Trainer

PATIENCE = 180  # Seconds after which a test gives up.
LONG = 2000  # Steps of a run that is stopped when what it is for has been seen.

started = []  # Runs, for a test that fails to end with.


class Run:
    """A training process of its own session, its output in a file, by default beside its run folder."""

    def __init__(self, config, log=None):
        self.folder = Path(config.training.output)
        self.log = log or self.folder.with_name(f"{self.folder.name}.log")
        self._start(config)
        started.append(self)

    def _start(self, config):
        self._process = context.Process(target=_train, args=(config, self.log))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def alive(self):
        """Whether it still runs."""
        return self._process.is_alive()

    def wait(self):
        """Its exit code."""
        self._process.join(PATIENCE)
        assert self._process.exitcode is not None, self.output()
        return self._process.exitcode

    def wait_until(self, holds):
        """Wait until `holds()` is true, while the process lives."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert self.alive(), self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.01)

    def wait_for_step(self, step):
        """Wait until that step is in the log, or the run at its end."""
        self.wait_until(lambda: last_step(self.folder) >= step or not self.alive())

    def stop(self):
        """Tell it to stop, and wait. The step at which it did."""
        os.kill(self.pid, signal.SIGTERM)
        assert self.wait() == STOPPED, self.output()
        return checkpoint_steps(self.folder)[-1]

    def kill(self):
        """Kill it, and what it started, with -9. Whether it was still alive."""
        alive = self.alive()
        if alive:
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()
        return alive

    def output(self):
        """What it has said so far."""
        return self.log.read_text() if self.log.exists() else ""

    def children(self):
        """The numbers of the processes that it started."""
        return [child.pid for child in psutil.Process(self.pid).children()]


class Launched(Run):
    """Training on two processes, by scripts/launch.py; `words` go to train.py, its configuration file first."""

    def __init__(self, config, *words):
        self.words = words
        super().__init__(config)

    def _start(self, _):
        launch = ["scripts/launch.py", "--standalone", "--nproc-per-node=2", "--max-restarts=1", "train.py"]
        with open(self.log, "a") as log:
            self._process = subprocess.Popen(
                [sys.executable, *launch, *map(str, self.words)], cwd=ROOT, env=ENVIRONMENT, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.pid = self._process.pid

    def alive(self):
        return self._process.poll() is None

    def wait(self):
        return self._process.wait(PATIENCE)


def _train(config, log):
    become([log, log])
    with StopSignals() as signals:
        sys.exit(command(lambda: Trainer(config, signals).run())())


def finish(config):
    """Run to the end; everything that it said."""
    run = Run(config)
    assert run.wait() == 0, run.output()
    return run.output()


def last_step(folder):
    """The last step whose numbers are in a run's log; 0 before the first."""
    return max((line["step"] for line in read_metrics(folder) if "event" not in line), default=0)


def losses(folder):
    """Step -> loss, of a run that reports each step."""
    return {line["step"]: line["loss"] for line in read_metrics(folder) if "loss" in line}


def events(folder, kind):
    """The texts of the events of a kind."""
    return [line["text"] for line in read_metrics(folder) if line.get("event") == kind]


def first_steps(folder):
    """The step at which each session of a run began."""
    return [session["first_step"] for session in read_sessions(folder)]


def tensors(folder):
    """Weights, Adam's moments and the average in a run's newest checkpoint, as on one process."""
    newest = newest_whole(folder)
    average = load_file(newest / "model.safetensors")
    return load_file(newest / "training" / "training.safetensors") | {f"ema.{n}": t for n, t in average.items()}


def assert_equal(folder, other):
    """Two runs ended with the same tensors, bit for bit."""
    ones, others = tensors(folder), tensors(other)
    assert ones.keys() == others.keys()
    assert [name for name in ones if not torch.equal(ones[name], others[name])] == []
