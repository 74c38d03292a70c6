"""The folder of a training run, as far as it holds checkpoints: RUN/checkpoints/step_00002000/ and so on."""

import logging
import os
import re
import shutil
from pathlib import Path

from system.errors import InputError
from system.files import damage

logger = logging.getLogger(__name__)


def checkpoints_folder(run):
    """Where a run's checkpoints are, or will be."""
    return Path(run) / "checkpoints"


def step_folder(run, step):
    """Where the checkpoint of a step is, or will be."""
    return checkpoints_folder(run) / f"step_{step:08d}"


def checkpoint_steps(run):
    """The steps of which a run folder has checkpoints, rising."""
    found = (re.fullmatch(r"step_(\d+)", path.name) for path in checkpoints_folder(run).glob("step_*"))
    return sorted(int(match[1]) for match in found if match)


def newest_whole(run, names=None):
    """The newest checkpoint of a run folder whose files (of `names`, or all) agree with their checksums.

    None where there are no checkpoints. Those that are passed over on the way are named in a warning. Raises
    InputError if all are damaged.
    """
    folder, faults = survey(run, names)
    for passed, fault in faults.items():
        logger.warning("%s: %s; the checkpoint before it is used", passed, fault)
    return folder


def survey(run, names=None):
    """What `newest_whole` returns, and folder -> fault of the newer ones, all damaged. Raises InputError as it does."""
    faults = {}
    for step in reversed(checkpoint_steps(run)):
        folder = step_folder(run, step)
        fault = damage(folder, names)
        if fault is None:
            return folder, faults
        if not folder.exists():  # The run itself took it away meanwhile, for newer ones.
            return survey(run, names)
        faults[folder] = fault
    if faults:
        told = "; ".join(f"{folder.name}: {fault}" for folder, fault in faults.items())
        raise InputError(f"{run}: none of its checkpoints is whole ({told}); to train anew, move it away.")
    return None, {}


def set_aside(folder):
    """Rename a damaged checkpoint so that it is none any more. Its new name."""
    aside = folder.with_name(f"damaged_{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    os.replace(folder, aside)
    return aside.name


def remove_leftovers(run):
    """Delete what saving or removing left behind when it was cut short."""
    for leftover in checkpoints_folder(run).glob(".step_*"):
        shutil.rmtree(leftover, ignore_errors=True)


def remove_old_checkpoints(run, keep_last, keep_every):
    """Delete all but the last `keep_last` and those of every `keep_every` steps (0: none of these)."""
    remove_leftovers(run)
    for step in checkpoint_steps(run)[:-keep_last]:
        if not keep_every or step % keep_every:
            # Renamed first: a removal cut short must not leave a folder that looks whole.
            doomed = step_folder(run, step).with_name(f".step_{step}.removed")
            os.replace(step_folder(run, step), doomed)
            shutil.rmtree(doomed, ignore_errors=True)
