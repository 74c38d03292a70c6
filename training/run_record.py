"""run.json: when, where and with what each session of a run ran, and how it ended."""

import json
import logging
import os
import socket
import sys
import time
from pathlib import Path

import torch

from system.errors import InputError
from system.files import lock, write_text
from system.software import commit, versions

RUN_FILE, LOCK_FILE = "run.json", ".lock"
LIBRARIES = ("torch", "accelerate", "numpy", "pillow", "lmdb", "safetensors", "cupy-cuda12x", "cupy-cuda13x")
FIELDS = {"began", "first_step", "batch", "host", "pid", "device", "outcome"}  # What a reader of a session asks for.

logger = logging.getLogger(__name__)


def take_folder(run):
    """Make a run folder, and see that no other run is at work in it: the lock, to be kept. Raises InputError."""
    try:
        run.mkdir(parents=True, exist_ok=True)
        held = lock(run / LOCK_FILE)
    except OSError as error:
        raise InputError(f"{run}: no folder to train in ({error.strerror})") from error
    if held is None:
        raise InputError(f"{run}: another process trains there; wait for it, or stop it.")
    return held


class RunRecord:
    """The record of a run folder; making one begins a session."""

    def __init__(self, run, progress, plan):
        self.path = Path(run) / RUN_FILE
        self.sessions = read_sessions(run)
        self.session = {
            "command": sys.argv,
            "began": time.time(),
            "first_step": progress.step,
            "batch": str(plan),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "processes": plan.processes,
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores",
            "versions": versions(LIBRARIES),
            "commit": commit(),
            "outcome": None,
        }
        self.sessions.append(self.session)
        self._write()

    def end(self, step, outcome):
        """Write how the session ended, and at which step."""
        self.session |= {"ended": time.time(), "last_step": step, "outcome": outcome}
        try:
            self._write()
        except InputError as error:  # What it ended with matters more.
            logger.warning("%s", error)

    def _write(self):
        text = json.dumps({"sessions": self.sessions}, indent=2)
        write_text(self.path, f"{text}\n")


def read_sessions(run):
    """The sessions of a run, oldest first; none where there is no record that can be read."""
    try:
        sessions = json.loads((Path(run) / RUN_FILE).read_text(encoding="utf-8"))["sessions"]
        return [session for session in sessions if session.keys() >= FIELDS]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
