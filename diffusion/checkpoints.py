"""Training checkpoints: folders that are either whole or not there.

    RUN/checkpoints/step_00002000/
        config.yaml           the whole experiment
        model.safetensors     EMA weights: with config.yaml, what `from_pretrained` and test.py read
        training.safetensors  raw weights and Adam's moments
        state.json            the step, and the scale of fp16's loss
"""

import dataclasses
import json
import os
import re
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from config.errors import InputError
from config.load import load_config
from models.pose_transfer import CONFIG_FILE, load_weights

TRAINING_FILE, STATE_FILE = "training.safetensors", "state.json"


def save_checkpoint(run, step, model, ema, optimizer, scaler, config):
    """Write the checkpoint of a step under a temporary name, and rename it when all of it is on the disk."""
    folder = _folder(run, step)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        ema.model.save_pretrained(partial, config)
        tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial / TRAINING_FILE)
        state = {"step": step, "scaler": scaler.state_dict() if scaler else None}
        (partial / STATE_FILE).write_text(json.dumps(state))
        for path in [*partial.iterdir(), partial]:
            _sync(path)
        os.replace(partial, folder)
        _sync(folder.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise InputError(f"{folder}: the checkpoint could not be written ({error}); earlier ones are whole.") from error
    return folder


def load_checkpoint(folder, model, ema, optimizer, scaler, config):
    """Restore what `save_checkpoint` wrote, in place. Returns the step, and the settings that were others then.

    Raises InputError if the architecture is another or a file is damaged.
    """
    saved = load_config(folder / CONFIG_FILE)
    if dataclasses.replace(saved.model, dropout=config.model.dropout) != config.model:
        raise InputError(f"{folder}: holds another architecture than the configuration; name another training.output.")
    load_weights(ema.model, folder)
    try:
        tensors = load_file(folder / TRAINING_FILE)
        state = json.loads((folder / STATE_FILE).read_text())
        model.load_state_dict(_under("model.", tensors))
        optimizer.load_state_dict(_optimizer_state(tensors, optimizer))
        if scaler and state["scaler"]:
            scaler.load_state_dict(state["scaler"])
    except (OSError, SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(f"{folder}: not a whole checkpoint ({error}); without it, the one before is used.") from error
    return state["step"], _changes(saved, config)


def _optimizer_state(tensors, optimizer):
    moments = {}
    for name, tensor in _under("optimizer.", tensors).items():
        index, field = name.split(".")
        moments.setdefault(int(index), {})[field] = tensor
    return {"state": moments, "param_groups": optimizer.state_dict()["param_groups"]}


def _changes(saved, config):
    """Settings that differ, each as "section.key (old -> new)"."""
    old, new = dataclasses.asdict(saved), dataclasses.asdict(config)
    return [
        f"{section}.{key} ({old[section][key]} -> {value})"
        for section, settings in new.items()
        for key, value in settings.items()
        if old[section][key] != value
    ]


def latest_checkpoint(run):
    """The newest whole checkpoint of a run folder, or None."""
    steps = checkpoint_steps(run)
    return _folder(run, steps[-1]) if steps else None


def checkpoint_steps(run):
    """The steps of which a run folder has checkpoints, rising."""
    found = (re.fullmatch(r"step_(\d+)", path.name) for path in Path(run, "checkpoints").glob("step_*"))
    return sorted(int(match[1]) for match in found if match)


def remove_old_checkpoints(run, keep_last, keep_every):
    """Delete all but the last `keep_last` and those of every `keep_every` steps (0: none of these)."""
    for leftover in Path(run, "checkpoints").glob(".step_*"):
        shutil.rmtree(leftover, ignore_errors=True)
    for step in checkpoint_steps(run)[:-keep_last]:
        if not keep_every or step % keep_every:
            # Renamed first: a removal cut short must not leave a folder that looks whole.
            doomed = _folder(run, step).with_name(f".step_{step}.removed")
            os.replace(_folder(run, step), doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def resolve_checkpoint(path):
    """The checkpoint folder that `path` means: itself, or the newest one of a run folder. Raises InputError."""
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"{path}: no such checkpoint folder.")
    if (path / CONFIG_FILE).is_file() and not (path / "checkpoints").is_dir():
        return path
    newest = latest_checkpoint(path)
    if newest is None:
        raise InputError(f"{path}: holds neither a checkpoint (config.yaml, model.safetensors) nor a run with one.")
    return newest


def _folder(run, step):
    return Path(run) / "checkpoints" / f"step_{step:08d}"


def _under(prefix, tensors):
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
