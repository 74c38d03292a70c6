"""What a run says of itself: the number printed is the number logged."""

import contextlib
import errno
import json
import logging
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from system.files import write_whole
from system.progress import progress_bar

ROOM = 1 << 20  # Bytes that must be free for TensorBoard's file to be written to.
METRICS_FILE, TENSORBOARD_FOLDER = "metrics.jsonl", "tensorboard"
PRINTED = ("loss", "mse", "correctness", "gradient_norm", "learning_rate", "images_per_second")

logger = logging.getLogger(__name__)


class Reporter:
    """Progress bar, lines on the terminal, metrics.jsonl and TensorBoard, in one call each.

    A line of metrics.jsonl holds the step, the time (seconds since 1970), and either numbers by name or an "event" and
    its "text". Those of steps after `first_step`, which are made again, are taken out. A disk without room costs lines,
    not the run. Ranks but the first get a `Silence`.
    """

    def __init__(self, run, first_step, last_step):
        self.metrics = Path(run) / METRICS_FILE
        kept = [line for line in read_metrics(run) if line["step"] <= first_step]
        write_whole(self.metrics, lambda file: file.writelines(f"{json.dumps(line)}\n".encode() for line in kept))
        self.tensorboard, self.writer = Path(run) / TENSORBOARD_FOLDER, None
        self._to_tensorboard(first_step + 1, lambda _: None)
        self.last_step = last_step
        self.bar = progress_bar(initial=first_step, total=last_step, unit="step")

    def say(self, text):
        """One line on the terminal, above the bar."""
        with contextlib.suppress(OSError):  # Standard output may be a file on a full disk.
            self.bar.write(text, file=sys.stdout)
            sys.stdout.flush()

    def scalars(self, step, values):
        """Log the values (name -> number) of a step, and print those of PRINTED."""
        shown = "  ".join(f"{name} {values[name]:.4g}" for name in PRINTED if name in values)
        self.say(f"step {step}/{self.last_step}: {shown}")
        self._note(step, values)
        self._to_tensorboard(step, lambda writer: [writer.add_scalar(*value, step) for value in values.items()])

    def event(self, step, event, text):
        """Print and log something that happened; `event` is its kind, a word."""
        self.say(f"step {step}: {text}")
        self._note(step, {"event": event, "text": text})

    def picture(self, step, name, image):
        """Log a PIL image."""
        pixels = np.asarray(image)
        self._to_tensorboard(step, lambda writer: writer.add_image(name, pixels, step, dataformats="HWC"))

    def advance(self):
        """One step was made."""
        self.bar.update()

    def close(self):
        """Finish the bar and the files."""
        self.bar.close()
        if self.writer is not None:
            self.writer.close()

    def _note(self, step, values):
        line = json.dumps({"step": step, "time": round(time.time(), 3), **values})
        with open(self.metrics, "ab", buffering=0) as file:
            end = file.tell()
            try:
                if file.write(f"{line}\n".encode()) <= len(line):
                    raise _no_room()
            except OSError as error:
                file.truncate(end)  # Half a line would spoil the next.
                _warn(self.metrics, error)

    def _to_tensorboard(self, step, write):
        try:
            if shutil.disk_usage(self.metrics.parent).free < ROOM:  # Its thread would die of it, with a traceback.
                raise _no_room()
            if self.writer is None:
                self.writer = SummaryWriter(self.tensorboard, purge_step=step)
            write(self.writer)
            self.writer.flush()
        except OSError as error:
            self.writer = None  # It is of no more use; another one is made for what comes next.
            _warn(self.tensorboard, error)


def _no_room():
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _warn(path, error):
    logger.warning("%s: could not be written (%s)", path, error.strerror)


class Silence:
    """Takes what a Reporter takes and says nothing."""

    def __getattr__(self, name):
        return lambda *_: None


def read_metrics(run):
    """The lines of a run's metrics.jsonl as dicts, oldest first; one that was cut short is left out."""
    try:
        text = (Path(run) / METRICS_FILE).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in map(_parse, text.splitlines()) if line]


def _parse(text):
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("step"), int) else None


class Averages:
    """Means of what is measured between two reports, over steps and processes."""

    def __init__(self):
        self.sums = {}

    def add(self, name, total, count: float | torch.Tensor = 1):
        """Take in `count` values whose sum is `total`; either may be a scalar tensor."""
        before = self.sums.get(name, (0, 0))
        self.sums[name] = (before[0] + total, before[1] + count)

    def take(self, processes):
        """Name -> mean, of what was measured at all; and begin anew. Every process must ask at the same time."""
        numbers = processes.total([number for pair in self.sums.values() for number in pair])
        names, self.sums = list(self.sums), {}
        return {name: total / n for name, total, n in zip(names, numbers[::2], numbers[1::2], strict=True) if n}
