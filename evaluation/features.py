"""Inception features of image files, kept in a folder of the user's, since they take by far the longest."""

import hashlib
import json
import logging
import lzma
import os
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from evaluation.batches import read_batches
from evaluation.networks import FEATURES
from evaluation.pictures import network_input, read_picture
from system.errors import InputError
from system.files import write_whole

VERSION = 2  # Of the way from a file to its features: to be raised when that changes.
# What NumPy, and zipfile below it, raise for files that are damaged or none of theirs.
UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)

logger = logging.getLogger(__name__)


def inception_features(paths, protocol, size, cache, network):
    """Features of image files, in their order: float32 (N, 2048).

    size: (H, W) of the protocol's pictures. network: an Inception. cache: a folder; None: the user's cache. Features
    are taken from there if neither the files (by path, size and time of change) nor anything else has changed.
    Raises InputError, beginning with the path, for a file that is no whole image or whose features are not finite.
    """
    kept = Path(cache or user_cache()) / f"{_key(paths, protocol, size, network)}.npz"
    features = _read(kept, len(paths))
    if features is None:
        features = _compute(paths, protocol, size, network)
        try:
            write_whole(kept, lambda file: np.savez(file, features=features))
        except InputError as error:
            logger.warning("%s; these features will be computed again next time.", error)
    return features


def user_cache():
    """The folder of the features where none is given."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scfm-pose-transfer" / "features"


def settings(protocol):
    """What of a protocol the features follow from, as plain data."""
    record = protocol.record()
    names = ("pictures", "networks", "inception", *(("crop",) if protocol.crop else ()))
    return {name: record[name] for name in names}


def _compute(paths, protocol, size, network):
    def read(path):
        return network_input(read_picture(path, protocol, size), protocol)  # (3, H, W)

    features = np.empty((len(paths), FEATURES), np.float32)
    done = 0
    for images in read_batches(read, paths, "features"):
        features[done : done + len(images)] = network(images).cpu().numpy()
        done += len(images)
    faulty = np.flatnonzero(~np.isfinite(features).all(1))
    if len(faulty):
        raise InputError(f"{paths[faulty[0]]}: its features by {network.file} are not finite")
    return features


def _key(paths, protocol, size, network):
    """SHA-256 of all that the features depend on."""
    source = {
        "version": VERSION,
        "files": [_state(path) for path in paths],
        "settings": settings(protocol),
        "size": list(size),
        "weights": network.sha256,
    }
    return hashlib.sha256(json.dumps(source, sort_keys=True).encode()).hexdigest()


def _state(path):
    try:
        found = os.stat(path)
    except OSError as error:
        raise InputError(f"{path}: expected an image, got: {error.strerror}") from error
    return [os.path.abspath(path), found.st_size, found.st_mtime_ns]


def _read(path, count):
    """The features in a file of the cache, or None; a file that is not what was written is removed."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            features = file["features"]
        if features.shape == (count, FEATURES) and features.dtype == np.float32 and np.isfinite(features).all():
            return features
    except UNREADABLE:
        pass
    logger.warning("%s: damaged; its features are computed again.", path)
    path.unlink(missing_ok=True)
    return None
