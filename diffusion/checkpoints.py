"""Training checkpoints: folders that are either whole or not there.

    RUN/checkpoints/step_00002000/
        config.yaml           the whole experiment
        model.safetensors     EMA weights: with config.yaml, what `from_pretrained` and test.py read
        README.md             the model card
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
from safetensors.torch import load_file

from config.errors import InputError
from config.load import load_config
from data.files import whole_folder
from models.pretrained import CONFIG_FILE, fetch, load_weights, save_tensors

TRAINING_FILE, STATE_FILE = "training.safetensors", "state.json"


def save_checkpoint(run, step, model, ema, optimizer, scaler, config):
    """Write the checkpoint of a step: a folder that is whole, or not there. Raises InputError where that fails."""
    folder = _folder(run, step)
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    state = {"step": step, "scaler": scaler.state_dict() if scaler else None}
    try:
        with whole_folder(folder) as partial:
            ema.model.save_pretrained(partial, config, {"origin": _origin(config, step)})
            save_tensors(tensors, partial / TRAINING_FILE)
            (partial / STATE_FILE).write_text(json.dumps(state))
    except InputError as error:
        raise InputError(f"{error}; earlier checkpoints are whole.") from error
    return folder


def _origin(config, step):
    """Where the weights come from, for the model card."""
    training = config.training
    return (
        f"Trained by this program on the pairs of `{config.data.root}`: {step:,} of {training.steps:,} steps, "
        f"{training.batch_size} pairs per process and step, each in both directions. These are the moving average of "
        f"the weights (decay {training.ema_decay})."
    )


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


def resolve_checkpoint(name):
    """The checkpoint that `name` means: the newest one of a run folder, else what `fetch` finds. Raises InputError."""
    path = fetch(name)
    if path.is_file() or ((path / CONFIG_FILE).is_file() and not (path / "checkpoints").is_dir()):
        return path
    newest = latest_checkpoint(path)
    if newest is None:
        raise InputError(f"{path}: holds neither a checkpoint (config.yaml, model.safetensors) nor a run with one.")
    return newest


def _folder(run, step):
    return Path(run) / "checkpoints" / f"step_{step:08d}"


def _under(prefix, tensors):
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
