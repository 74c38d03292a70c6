"""Find the pictures that belong to the test pairs, and score each against its photo."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from config.errors import InputError
from data.images import read_rgb, squeeze
from data.pairs import Pair, check_images, read_pairs, result_name
from evaluation.compare import SMALLEST_SIDE, Scores, compare

_PAIRS_PER_PROCESS = 32  # Fewer are scored sooner than another process starts.


class Result(NamedTuple):
    """Three image files of one test pair."""

    generated: Path
    target: Path
    source: Path


def find_results(generated, root, limit=None):
    """The Results of the first `limit` (None: all) pairs of ROOT/test_pairs.txt, in their order, one for each source.

    Raises InputError where a folder, a result or a photo of any of these pairs is missing.
    """
    generated, root = Path(generated), Path(root)
    lines = read_pairs(root, "test")
    pairs = [Pair(line.target, (source,), line.where) for line in lines for source in line.sources][:limit]
    if not generated.is_dir():
        raise InputError(f"{generated}: expected the folder of generated pictures, got no such folder")
    if not any(generated.iterdir()):
        raise InputError(f"{generated}: expected the generated pictures, got an empty folder")
    check_images(pairs, lambda image: (root / image).is_file(), f"is not there, below {root}")
    results = [
        Result(generated / result_name(pair.sources[0], pair.target), root / pair.target, root / pair.sources[0])
        for pair in pairs
    ]
    missing = [result.generated for result in results if not result.generated.is_file()]
    if missing:
        raise InputError(f"{missing[0]}: no such file; {len(missing)} of {len(results)} results are missing")
    return results


def score_results(results, size=None):
    """Score every result and its source photo against its target photo.

    size: the (H, W) that all results must have; None takes that of the first. Photos are squeezed to it.
    Returns (size, Scores of the results, Scores of the sources), lists in the order of `results`.
    Raises InputError for an image that cannot be read, a result of another size, and one too small for SSIM.
    """
    size = size or _size_of(read_rgb(results[0].generated))
    if min(size) < SMALLEST_SIDE:
        raise InputError(f"{results[0].generated}: SSIM needs {SMALLEST_SIDE} pixels a side, got {_words(size)}")
    scored = _map(partial(_score, size), results)
    scored = list(tqdm(scored, "scoring", len(results), unit="pair", leave=False, disable=None))
    return size, [pair[0] for pair in scored], [pair[1] for pair in scored]


def _score(size, result) -> tuple[Scores, Scores]:
    picture = read_rgb(result.generated)
    if _size_of(picture) != size:
        got = _words(_size_of(picture))
        raise InputError(f"{result.generated}: expected {_words(size)} (height x width) as all results, got {got}")
    truth = np.asarray(squeeze(read_rgb(result.target), size))
    source = np.asarray(squeeze(read_rgb(result.source), size))
    return compare(np.asarray(picture), truth), compare(source, truth)


def _map(function, items):
    """`map` in several processes, in order; the first exception in that order ends it."""
    processes = min(os.cpu_count() or 1, 1 + len(items) // _PAIRS_PER_PROCESS)
    if processes == 1:
        yield from map(function, items)
        return
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))
    try:
        yield from pool.map(function, items, chunksize=8)
    finally:
        pool.shutdown(cancel_futures=True)


def _size_of(image):
    return image.height, image.width


def _words(size):
    return f"{size[0]} x {size[1]}"
