"""A scoring as files for programs: metrics.json and per_image.csv."""

import csv
import hashlib
import io
import json
import math
import time
from pathlib import Path

import numpy as np

from evaluation import statistics
from evaluation.compare import CONVENTIONS
from system.software import commit, versions

PACKAGES = (
    *("numpy", "pillow", "scikit-image", "opencv-python-headless"),
    *("torch", "torchmetrics", "torchvision", "pytorch-fid"),
)


def record_json(report, flags):
    """The text of metrics.json. Numbers that JSON lacks are text: "inf", "nan"."""
    record = {
        "protocol": {
            **report.protocol.record(),
            "size": report.size,
            "values": "8-bit RGB, 0 to 255",
            "truth": "the target photo, brought to the size by the protocol's `pictures`",
            "conventions": CONVENTIONS,
        },
        "pairs": report.pairs,
        "people": report.people,
        "methods": {method: _method_record(report, method) for method in report.scores},
        "differences": {method: _as_dicts(found) for method, found in report.differences.items()},
        "differences_to": next(iter(report.scores)) if report.differences else None,
        "truth": {"files": len(report.photos), "sha256": digest(report.photos)},
        "intervals": {
            "level": f"{statistics.LEVEL} %",
            "method": "percentile bootstrap over the targets' people",
            "resamples": statistics.RESAMPLES,
            "seed": statistics.SEED,
        },
        "digests": "SHA-256 of lines `SHA-256  NAME` of the files, by name, as sha256sum writes them",
        "notes": report.notes,
        "flags": flags,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit(),
        "versions": versions(PACKAGES),
    }
    return json.dumps(plain(record), indent=2, allow_nan=False) + "\n"


def per_image_csv(report):
    """The text of per_image.csv: a line for each method and pair, empty where the protocol drops a pair."""
    names = list(dict.fromkeys(measure for scores in report.scores.values() for measure in scores.pairs))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "pair", "target", "source", "file", "sha256", *names])
    for method, scores in report.scores.items():
        columns = [scores.pairs.get(name, np.full(report.pairs, np.nan)) for name in names]
        for n, result in enumerate(scores.results):
            values = ["" if np.isnan(column[n]) else repr(float(column[n])) for column in columns]
            names_of_files = [result.target_image, result.source_image, result.generated.name]
            writer.writerow([method, n + 1, *names_of_files, scores.sums[n], *values])
    return text.getvalue()


def digest(sums):
    """One SHA-256 for {file name: SHA-256}."""
    lines = "".join(f"{value}  {name}\n" for name, value in sorted(sums.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _method_record(report, method):
    scores = report.scores[method]
    seen = scores.record.get("pairs_used")
    sets = {name: {"value": value, "low": None, "high": None, "count": seen} for name, value in scores.sets.items()}
    dropped = {name: int(np.isnan(values).sum()) for name, values in scores.pairs.items()}
    return {
        "scores": {**_as_dicts(report.estimates[method]), **sets},
        "missing": scores.missing,
        "counts": {"pairs": len(scores.results), "dropped": {name: count for name, count in dropped.items() if count}},
        "sha256": digest({_name(result): value for result, value in zip(scores.results, scores.sums, strict=True)}),
        "networks": scores.record,
    }


def _name(result):
    """Of a generated file; of a copied source below the root."""
    return result.source_image if result.generated == result.source else result.generated.name


def _as_dicts(found):
    return {measure: one._asdict() for measure, one in found.items()}


def plain(value):
    """`value` in types that strict JSON has."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return str(value) if isinstance(value, Path) else value
