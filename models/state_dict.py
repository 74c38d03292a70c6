"""Whether the tensors of a file are those of a network: their names, shapes and values."""

import logging

import torch

from config.errors import InputError

SHOWN = 3  # Names in a message.

logger = logging.getLogger(__name__)


def check_names_and_shapes(tensors, shapes, path, expected, optional=()):
    """Raise InputError, beginning with `path`, unless `tensors` are those of `shapes`, both by name.

    expected: what the file should hold, for the message. optional: names that may be missing.
    """
    faults = [f"{name} is missing" for name in shapes if name not in tensors and name not in optional]
    faults += [f"{name} is unknown" for name in tensors if name not in shapes]
    for name, tensor in tensors.items():
        if not (torch.is_tensor(tensor) and tensor.layout is torch.strided):
            faults.append(f"{name} is no plain tensor")
        elif name in shapes and tensor.shape != tuple(shapes[name]):
            faults.append(f"{name} is {tuple(tensor.shape)}, not {tuple(shapes[name])}")
    if faults:
        more = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise InputError(f"{path}: expected {expected}; {'; '.join(faults[:SHOWN])}{more}.")


def warn_of_nonfinite(tensors, path):
    """Log a warning that names the tensors with NaN or infinity in them."""
    names = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        logger.warning("%s: NaN or infinity in %s%s; pictures will be of no use.", path, ", ".join(names[:SHOWN]), more)
