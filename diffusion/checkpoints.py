"""Training checkpoints: folders that are either whole or not there.

    RUN/checkpoints/step_00002000/
        config.yaml           the whole experiment
        model.safetensors     EMA weights: with config.yaml, what `from_pretrained` and test.py read
        README.md             the model card
        training/             raw weights and Adam's moments: one safetensors file, or one per process of a sharded run
        state.json            how far the run is, the scale of fp16's loss, library versions, the program's commit
        SHA256SUMS            a checksum of each of these files

There is no state of a random generator, of the loader or of the learning rate: all three follow from the seed and from
how far the run is.
"""

import dataclasses
import json
import logging
import os
import re
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed.checkpoint as dcp

from config.errors import InputError
from config.load import load_config
from config.software import versions
from data.files import damage
from diffusion.run_record import LIBRARIES
from models.pretrained import CONFIG_FILE, WEIGHTS_FILE, fetch

TRAINING_FOLDER, STATE_FILE = "training", "state.json"

logger = logging.getLogger(__name__)


@dataclass
class Progress:
    """How far a run is: what a checkpoint holds beside tensors and settings."""

    step: int = 0
    position: int = 0  # Pairs used so far, by all processes: the place in the data.
    pairs_per_step: int = 0
    processes: int = 1
    skipped: int = 0  # Steps that were left out, their loss or gradient not being finite.
    damaged: int = 0  # Pairs that another one stood in for, their image not being readable.


def checkpoints_folder(run):
    """Where a run's checkpoints are, or will be."""
    return Path(run) / "checkpoints"


def step_folder(run, step):
    """Where the checkpoint of a step is, or will be."""
    return checkpoints_folder(run) / f"step_{step:08d}"


def training_tensors(model, optimizer):
    """Raw weights and Adam's moments, name -> tensor: the very ones in use, which may be filled in place."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        state = optimizer.state[parameter]
        if not state:  # As Adam begins.
            state["step"] = torch.zeros((), device=parameter.device)
            state |= {moment: torch.zeros_like(parameter, requires_grad=False) for moment in ("exp_avg", "exp_avg_sq")}
        tensors |= {f"optimizer.{field}.{name}": value for field, value in state.items()}
    return tensors


def load_checkpoint(folder, model, average, optimizer, processes, config):
    """Restore model, its average (a model, too), optimizer and fp16's scale, in place; every process must call it.

    Returns the Progress, the Config that it was saved with, and the settings and libraries that were others then, in
    words. Raises InputError if the architecture is another or something is missing.
    """
    saved = load_config(folder / CONFIG_FILE)
    if dataclasses.replace(saved.model, dropout=config.model.dropout) != config.model:
        raise InputError(f"{folder}: holds another architecture than the configuration; name another training.output.")
    try:
        state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        fill(average.state_dict(), folder, processes.sharded)
        fill(training_tensors(model, optimizer), folder / TRAINING_FOLDER, processes.sharded)
        if processes.scaler and state["scaler"]:
            processes.scaler.load_state_dict(state["scaler"])
        progress = Progress(**state["progress"])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, dcp.api.CheckpointException) as error:
        raise InputError(f"{folder}: cannot be gone on from ({error}); without it, the one before is used.") from error
    return progress, saved, _changes(saved, config) + _other_versions(state["versions"])


def fill(tensors, folder, sharded=False):
    """Fill tensors (name -> tensor), or this process's parts of them, from the safetensors files of a folder."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # As asked for.
        dcp.load(dict(tensors), storage_reader=dcp.HuggingFaceStorageReader(str(folder)), no_dist=not sharded)


def _changes(saved, config):
    """Settings that differ, each as "section.key (old -> new)"."""
    old, new = dataclasses.asdict(saved), dataclasses.asdict(config)
    return [
        f"{section}.{key} ({old[section][key]} -> {value})"
        for section, settings in new.items()
        for key, value in settings.items()
        if old[section][key] != value
    ]


def _other_versions(old):
    """Libraries that differ, each as "name (old -> new)"."""
    return [f"{name} ({old[name]} -> {new})" for name, new in versions(LIBRARIES).items() if old.get(name, new) != new]


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


def checkpoint_steps(run):
    """The steps of which a run folder has checkpoints, rising."""
    found = (re.fullmatch(r"step_(\d+)", path.name) for path in checkpoints_folder(run).glob("step_*"))
    return sorted(int(match[1]) for match in found if match)


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


def resolve_checkpoint(name):
    """The checkpoint that `name` means: the newest whole one of a run folder, else what `fetch` finds.

    Raises InputError.
    """
    path = fetch(name)
    if path.is_file() or ((path / CONFIG_FILE).is_file() and not checkpoints_folder(path).is_dir()):
        return path
    newest = newest_whole(path, [CONFIG_FILE, WEIGHTS_FILE])
    if newest is None:
        raise InputError(f"{path}: holds neither a checkpoint (config.yaml, model.safetensors) nor a run with one.")
    return newest
