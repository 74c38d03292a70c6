"""Score every pair by each method: pixels here, in several processes, networks by evaluation.network_scores."""

import collections
import contextlib
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from evaluation import measures
from evaluation.compare import pixel_scores
from evaluation.pictures import read_picture
from evaluation.pose_mask import target_mask
from evaluation.results import Result
from system.errors import InputError
from system.files import sha256_of
from system.progress import progress_bar

_PAIRS_PER_PROCESS = 32  # Fewer are scored sooner than another process starts.
_CHUNK, _AHEAD = 8, 4  # Pairs that go to a process at a time; chunks under way for each process.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # Read when a process starts.


@dataclass
class Scores:
    """What was found of one method's results."""

    results: list[Result]
    sums: list[str]  # SHA-256 of each generated file.
    pairs: dict[str, np.ndarray]  # Measure -> float64 (N,), NaN for pairs that the protocol drops.
    sets: dict[str, float] = field(default_factory=dict)  # Measure of the whole set -> value.
    missing: dict[str, str] = field(default_factory=dict)  # Measure -> why it was not computed.
    record: dict = field(default_factory=dict)  # Of the networks.
    notes: list[str] = field(default_factory=list)


def score(methods, root, protocol, size, metrics, networks=None):
    """Score lists of Results of the same pairs, {method: Results}, at `size`. Returns ({method: Scores}, photos).

    metrics: which of measures.ALL; networks: where weights and reference are, a dict of NetworkOptions' other fields.
    photos: {target image: SHA-256 of its file}. Raises InputError for a file that cannot be read.
    """
    asked = frozenset(metrics) & frozenset(measures.NETWORKS)
    # First, since they find out at once whether weights and reference are of use.
    seen = _score_by_networks(methods, root, protocol, size, asked, networks or {}) if asked else {}
    scores, photos = _score_pixels(methods, root, protocol, size, metrics)
    for method, found in seen.items():
        own = scores[method]
        own.pairs |= found.pairs
        own.sets, own.missing, own.record, own.notes = found.sets, found.missing, found.record, found.notes
    return scores, photos


def _score_by_networks(methods, root, protocol, size, metrics, networks):
    from evaluation.network_scores import NetworkOptions, network_scores  # Imports torch, which takes a while.

    options = NetworkOptions(metrics=metrics, **networks)
    mask = partial(target_mask, root, size) if protocol.masked else None
    return network_scores(methods, root, protocol, size, options, mask)


def _score_pixels(methods, root, protocol, size, metrics):
    pairs = list(zip(*methods.values(), strict=True))  # For each pair, the Result of each method.
    photos, rows = {}, []
    scored = _map(partial(_score_pair, root, protocol, size, metrics), pairs)
    for results, (photo, row) in progress_bar(
        zip(pairs, scored, strict=True), "scoring", unit="pair", total=len(pairs), leave=False
    ):
        photos[results[0].target_image] = photo
        rows.append(row)
    scores = {}
    for (method, results), column in zip(methods.items(), zip(*rows, strict=True), strict=True):
        sums, values = zip(*column, strict=True)
        scores[method] = Scores(results, list(sums), {key: np.array([row[key] for row in values]) for key in values[0]})
    return scores, photos


def _score_pair(root, protocol, size, metrics, results):
    """SHA-256 of the photo, and for each method's Result of one pair: SHA-256 of the file, and its scores."""
    target = results[0].target
    sums = [sha256_of(result.generated) for result in results]
    if not set(metrics) & set(measures.PIXELS):
        return sha256_of(target), [(value, {}) for value in sums]
    truth = read_picture(target, protocol, size)
    mask = target_mask(root, size, results[0]) if protocol.masked and "ssim" in metrics else None
    pictures = (read_picture(result.generated, protocol, size) for result in results)
    scores = [pixel_scores(picture, truth, protocol, metrics, mask) for picture in pictures]
    return sha256_of(target), list(zip(sums, scores, strict=True))


def _map(function, items):
    """`map` in several processes, in order, a few chunks ahead; the first exception in that order ends it."""
    processes = min(os.cpu_count() or 1, 1 + len(items) // _PAIRS_PER_PROCESS)
    if processes == 1:
        yield from map(function, items)
        return
    with _one_thread_each():
        pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _leave_interrupts_to_the_parent)
        waiting = collections.deque()
        try:
            for start in range(0, len(items), _CHUNK):
                waiting.append(pool.submit(_each, function, items[start : start + _CHUNK]))
                if len(waiting) > _AHEAD * processes:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as error:
            raise InputError("scoring: a process was killed from outside, perhaps for want of memory") from error
        finally:
            pool.shutdown(cancel_futures=True)


def _each(function, items):
    return [function(item) for item in items]


def _leave_interrupts_to_the_parent():
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def _one_thread_each():
    """Processes started meanwhile compute on one thread each: there is one for every core."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
