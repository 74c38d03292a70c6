"""Whether the tensors of a file are those of a network: their names, shapes and values."""

import logging

import torch

from system.errors import InputError, printable

SHOWN = 3  # Names in a message.

logger = logging.getLogger(__name__)


def check_tensors(tensors, like, path, expected, optional=()):
    """Raise InputError, beginning with `path`, unless `tensors` have the names, shapes and kinds of those in `like`.

    Both are name -> tensor; those of `like` need no memory. A kind is floating point or integer, of any precision.
    expected: what the file should hold, for the message. optional: names that may be missing.
    """
    faults = [f"{name} is missing" for name in like if name not in tensors and name not in optional]
    faults += [f"{printable(name)} is unknown" for name in tensors if name not in like]
    for name, tensor in tensors.items():
        if name not in like:
            continue
        if not is_dense(tensor):
            faults.append(f"{name} is no plain tensor")
        elif tensor.shape != like[name].shape:
            faults.append(f"{name} is {tuple(tensor.shape)}, not {tuple(like[name].shape)}")
        elif tensor.is_floating_point() != like[name].is_floating_point():
            faults.append(f"{name} is of {tensor.dtype}, not {like[name].dtype}")
    if faults:
        raise InputError(f"{path}: expected {expected}; {_first(faults, '; ')}")


def is_dense(value):
    """Whether a value is a dense tensor in memory."""
    return (
        type(value) in (torch.Tensor, torch.nn.Parameter)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and not (value.is_quantized or value.is_nested)
    )


def warn_of_nonfinite(tensors, path):
    """Log a warning that names the tensors with NaN or infinity in them."""
    names = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if names:
        logger.warning("%s: NaN or infinity in %s; pictures will be of no use.", path, _first(names, ", "))


def _first(words, separator):
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return separator.join(words[:SHOWN]) + more
