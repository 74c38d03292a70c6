"""A scoring's outcome: statistics and notes drawn together."""

from dataclasses import dataclass

import numpy as np

from evaluation.protocols import Protocol
from evaluation.scoring import Scores
from evaluation.statistics import Difference, Estimate, differences, estimates, people_of


@dataclass
class Report:
    """One scoring of one or several methods."""

    protocol: Protocol
    size: tuple[int, int]  # Height, width.
    scores: dict[str, Scores]  # By method.
    photos: dict[str, str]  # Target image -> SHA-256 of its file.
    estimates: dict[str, dict[str, Estimate]]  # By method, then measure.
    differences: dict[str, dict[str, Difference]]  # Of methods to the first; empty unless they are compared.
    people: int
    notes: list[str]

    @property
    def pairs(self):
        """How many pairs were scored."""
        return len(next(iter(self.scores.values())).results)

    @property
    def missing(self):
        """{measure: why some method has no value of it}."""
        return {measure: why for scores in self.scores.values() for measure, why in scores.missing.items()}


def report_on(protocol, size, scores, photos, file_notes, compared):
    """The Report of what `score` found. file_notes: {method: sentences}; compared: with differences."""
    baseline, *_ = scores.values()
    people = people_of(result.target_image for result in baseline.results)
    found = {method: estimates(one.pairs, people) for method, one in scores.items()}
    others = list(scores)[1:] if compared else []
    apart = {method: differences(scores[method].pairs, baseline.pairs, people) for method in others}
    notes = {
        method: [*file_notes.get(method, []), *one.notes, *_notes_on(one, apart.get(method))]
        for method, one in scores.items()
    }
    common = _common_notes(protocol, len(people), len(set(people)))
    report = Report(protocol, size, scores, photos, found, apart, len(set(people)), [])
    report.notes = common + _merged(notes)
    return report


def _common_notes(protocol, pairs, people):
    notes = []
    if protocol.published_pairs not in (None, pairs):
        notes.append(
            f"published numbers of protocol {protocol.name} are of {protocol.published_pairs:,} pairs, not {pairs:,}"
        )
    if people < 2:
        notes.append("no intervals: all targets are in one folder, that is, show one person")
    return notes


def _notes_on(scores, apart):
    notes = []
    if equal := int(np.isinf(scores.pairs.get("psnr", np.zeros(0))).sum()):
        notes.append(f"{equal} of {len(scores.results)} pictures equal their photo, with a PSNR that is infinite")
    empty = [name for name in scores.pairs if name.startswith("mask_")]
    if empty and (unseen := _unseen(scores.pairs, empty[0])):
        notes.append(f"{unseen} of {len(scores.results)} pairs have no masked scores: no joint of the target is seen")
    if apart and "psnr" in apart and (left_out := len(scores.results) - apart["psnr"].count):
        notes.append(f"the difference in PSNR leaves out {left_out} pairs in which a picture equals its photo")
    return notes


def _unseen(pairs, masked):
    """How many pairs have a value of a measure, but none with a mask."""
    return int((np.isnan(pairs[masked]) & ~np.isnan(pairs[masked.removeprefix("mask_")])).sum())


def _merged(notes):
    """The sentences of all methods, each once; one that not all have begins with the method's name."""
    notes = {method: [sentence.rstrip(".") for sentence in own] for method, own in notes.items()}
    sentences = list(dict.fromkeys(sentence for own in notes.values() for sentence in own))
    merged = []
    for sentence in sentences:
        having = [method for method, own in notes.items() if sentence in own]
        merged.append(sentence if len(having) == len(notes) else f"{', '.join(having)}: {sentence}")
    return merged
