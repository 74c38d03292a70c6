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
import warnings
from dataclasses import dataclass

import torch
import torch.distributed.checkpoint as dcp

from config.load import load_config
from models.pretrained import CONFIG_FILE
from system.errors import InputError
from system.software import versions
from training.run_record import LIBRARIES

TRAINING_FOLDER, STATE_FILE = "training", "state.json"


@dataclass
class Progress:
    """How far a run is: what a checkpoint holds beside tensors and settings."""

    step: int = 0
    position: int = 0  # Pairs used so far, by all processes: the place in the data.
    pairs_per_step: int = 0
    processes: int = 1
    skipped: int = 0  # Steps that were left out, their loss or gradient not being finite.
    damaged: int = 0  # Pairs that another one stood in for, their image not being readable.


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
