"""Features of real images in one .npz file, with a record of how they were made."""

import hashlib
import json
from typing import NamedTuple

import numpy as np

from evaluation.features import UNREADABLE, VERSION, settings
from evaluation.networks import FEATURES
from evaluation.wording import sides
from system.errors import InputError, printable
from system.files import write_whole

MAKE = "make one with python -m evaluation.reference"
BLOCK = 4096


class Statistics(NamedTuple):
    """What a file holds."""

    features: np.ndarray  # float32 (N, 2048)
    record: dict  # See `record`.


def record(protocol, size, network, names, used):
    """How the features of the first `used` of the images of these names are made, as plain data."""
    return {
        "protocol": protocol.name,
        **_matters(protocol),
        "size": list(size),
        "weights": {network.file.name: network.sha256},
        "version": VERSION,
        "given": len(names),
        "used": used,
        "images": names_digest(names[:used]),
    }


def names_digest(names):
    """SHA-256 of images' names, a line each, in their order."""
    return hashlib.sha256("\n".join(names).encode(errors="surrogateescape")).hexdigest()


def write_statistics(path, features, made):
    """Write features with their record, and their mean and covariance under pytorch-fid's names `mu` and `sigma`."""
    mu, sigma = _moments(features)
    arrays = {"features": features, "mu": mu, "sigma": sigma, "record": np.array(json.dumps(made))}
    write_whole(path, lambda file: np.savez(file, **arrays))


def read_statistics(path, protocol, size, network=None):
    """The Statistics of a file.

    Raises InputError, beginning with the path, if it is no such file or was made for what gives other features than
    `protocol` at pictures of `size` (H, W) with the weights of `network` (None: whatever they are).
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if "record" not in file.files:
                raise InputError(f"{path}: does not tell how it was made, from which pictures and weights; {MAKE}")
            made, features = json.loads(str(file["record"])), file["features"]
        _check_form(features, made)
        _check_use(path, made, protocol, size, network)
    except UNREADABLE as error:
        reason = str(error) or type(error).__name__
        raise InputError(f"{path}: damaged, or no file of statistics ({reason}); {MAKE}") from error
    return Statistics(features, made)


def _check_form(features, made):
    if not isinstance(made, dict):
        raise ValueError(f"its record is a {type(made).__name__}")
    for name, is_right in FIELDS.items():
        if name not in made:
            raise ValueError(f"its record lacks {name}")
        if not is_right(made[name]):
            raise ValueError(f"its record's {name} is {json.dumps(made[name]):.100}")
    if made["given"] < made["used"]:
        raise ValueError(f"it used {made['used']} images of {made['given']}")
    if features.shape != (made["used"], FEATURES) or features.dtype != np.float32 or not np.isfinite(features).all():
        raise ValueError(f"its features are {features.dtype} {features.shape}, or not finite")


def _is_text(value):
    return isinstance(value, str)


def _is_count(value):
    return type(value) is int and value > 0


def _is_size(value):
    return isinstance(value, list) and len(value) == 2 and all(map(_is_count, value))


def _is_resize(value):
    return (
        isinstance(value, dict)
        and value.keys() == {"size", "library", "kernel"}
        and (value["size"] is None or _is_size(value["size"]))
        and _is_text(value["library"])
        and _is_text(value["kernel"])
    )


def _is_weights(value):
    return isinstance(value, dict) and all(map(_is_text, value.values()))


FIELDS = {  # Of a record, name -> whether a value is of its kind.
    "protocol": _is_text,
    "pictures": _is_resize,
    "networks": lambda value: value is None or _is_resize(value),
    "inception": _is_text,
    "batch": lambda value: value is None or _is_count(value),
    "size": _is_size,
    "weights": _is_weights,
    "version": _is_count,
    "given": _is_count,
    "used": _is_count,
    "images": _is_text,
}


def _matters(protocol):
    return settings(protocol) | {"batch": protocol.batch}


def _check_use(path, made, protocol, size, network):
    wanted = json.loads(json.dumps(_matters(protocol)))
    others = [name for name in wanted if made.get(name) != wanted[name]]
    if others:
        raise InputError(
            f"{path}: made for protocol {printable(made['protocol'])} ({_words(made, others)}), "
            f"not for {protocol.name} ({_words(wanted, others)})"
        )
    if made["size"] != list(size):
        raise InputError(f"{path}: made for pictures of {sides(made['size'])}, not of {sides(size)}")
    if network is not None and network.sha256 not in made["weights"].values():
        raise InputError(f"{path}: made with other weights than those of {network.file}")
    if made["version"] != VERSION:
        raise InputError(f"{path}: made by another version of this program, to be made again; {MAKE}")


def _words(fields, names):
    """`pictures 256 x 176 by Pillow bicubic, Inception of imagenet, batches of 64`: what is among `names`."""
    words = {
        "pictures": f"pictures {_resize(fields['pictures'])}",
        "networks": f"networks {_resize(fields['networks'])}",
        "inception": f"Inception of {printable(fields['inception'])}",
        "crop": f"photos cropped to {sides(fields['crop'])}" if fields.get("crop") else "whole photos",
        "batch": f"batches of {fields['batch']}" if fields["batch"] else "no whole batches",
    }
    return ", ".join(words[name] for name in names)


def _resize(fields):
    if fields is None:
        return "of the pictures' size"
    size = sides(fields["size"]) if fields["size"] else "of the results' size"
    return f"{size} by {printable(fields['library'])} {printable(fields['kernel'])}"


def _moments(features):
    """Mean (D,) and unbiased covariance (D, D) of features (N, D), in float64."""
    mean = features.mean(0, dtype=np.float64)
    blocks = (features[start : start + BLOCK] - mean for start in range(0, len(features), BLOCK))
    return mean, sum(block.T @ block for block in blocks) / (len(features) - 1)
