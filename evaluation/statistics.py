"""Means over pairs, with intervals that say how far another sample of people would move them.

Pairs of one person resemble each other, so people are drawn anew, with all their pairs, not pairs: a percentile
bootstrap (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
"""

from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from evaluation.measures import higher_is_better

RESAMPLES, SEED, LEVEL = 2_000, 0, 95  # LEVEL: per cent.
_SLICE = 100  # Resamples held in memory at a time.


class Estimate(NamedTuple):
    """Of one measure."""

    value: float  # The mean over the counted pairs; NaN where there are none.
    low: float | None  # The interval's ends; None where there are fewer than two people or an infinite value.
    high: float | None
    count: int  # Pairs that have a value.


class Difference(NamedTuple):
    """Of one measure: a method less the baseline, pair by pair."""

    value: float
    low: float | None
    high: float | None
    count: int  # Pairs in which both are finite; the mean is theirs.
    better: float  # Share of the pairs with both values in which the method is the better one; ties count half.


def people_of(images):
    """Whom each image of the data set shows: its folder, such as img/WOMEN/Dresses/id_00000002."""
    return [str(PurePosixPath(image).parent) for image in images]


def estimates(pairs, people):
    """{measure: Estimate} of {measure: float64 (N,)}, NaN where a pair has no value, for the N pairs' `people`."""
    intervals = _intervals(pairs, people)
    found = {}
    for measure, values in pairs.items():
        counted = values[~np.isnan(values)]
        found[measure] = Estimate(_mean(counted), *intervals[measure], len(counted))
    return found


def differences(pairs, baseline, people):
    """{measure: Difference} of the measures in both, dicts as in `estimates` for the same pairs."""
    found, paired = {}, {}
    for measure in [measure for measure in pairs if measure in baseline]:
        ours, theirs = pairs[measure], baseline[measure]
        finite = np.isfinite(ours) & np.isfinite(theirs)
        paired[measure] = np.subtract(ours, theirs, out=np.full(len(ours), np.nan), where=finite)
    intervals = _intervals(paired, people)
    for measure, values in paired.items():
        ours, theirs = pairs[measure], baseline[measure]
        both = ~(np.isnan(ours) | np.isnan(theirs))
        better = (ours > theirs if higher_is_better(measure) else ours < theirs) + (ours == theirs) / 2
        counted = values[~np.isnan(values)]
        share = float(better[both].mean()) if both.any() else float("nan")
        found[measure] = Difference(_mean(counted), *intervals[measure], len(counted), share)
    return found


def _mean(values):
    return float(values.mean()) if len(values) else float("nan")


def _intervals(pairs, people):
    """{measure: (low, high)}, (None, None) where there is no interval. All measures see the same resamples."""
    names, person = np.unique(people, return_inverse=True)
    sums, counts = np.zeros((len(pairs), len(names))), np.zeros((len(pairs), len(names)))  # (measures, people)
    for row, values in enumerate(pairs.values()):
        counted = ~np.isnan(values)
        np.add.at(sums[row], person[counted], values[counted])
        np.add.at(counts[row], person[counted], 1)
    usable = np.isfinite(sums).all(axis=1) & ((counts > 0).sum(axis=1) >= 2)
    low, high = _percentiles(sums[usable], counts[usable]) if usable.any() else ([], [])
    ends = iter(zip(map(float, low), map(float, high), strict=True))
    return {measure: next(ends) if fit else (None, None) for measure, fit in zip(pairs, usable, strict=True)}


def _percentiles(sums, counts):
    """Ends of the intervals of sums of sums over sums of counts, both (measures, people): two (measures,)."""
    people = sums.shape[1]
    random, means = np.random.default_rng(SEED), []
    for start in range(0, RESAMPLES, _SLICE):
        rows = min(_SLICE, RESAMPLES - start)
        drawn = random.integers(people, size=(rows, people)) + people * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * people).reshape(rows, people)  # How often each is drawn.
        total = times @ counts.T  # (rows, measures)
        means.append(np.divide(times @ sums.T, total, out=np.full(total.shape, np.nan), where=total > 0))
    tail = (100 - LEVEL) / 2
    return np.nanpercentile(np.concatenate(means), [tail, 100 - tail], axis=0)
