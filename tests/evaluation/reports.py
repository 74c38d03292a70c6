"""Reports of scorings that did not take place."""

from pathlib import Path

import numpy as np

from evaluation.protocols import PROTOCOLS
from evaluation.report import report_on
from evaluation.results import Result
from evaluation.scoring import Scores

CLEAN = PROTOCOLS["clean"]
COUNT = 4  # Pairs.


def make_report(protocol=CLEAN, methods=("ours",), people=2, file_notes=None, compared=False, **found):
    """methods: names, or {name: {measure: values}}; found: sets, missing, record, notes of each."""
    if not isinstance(methods, dict):
        methods = {method: {"ssim": [0.1, 0.2, 0.3, 0.4]} for method in methods}
    scores = {}
    for method, pairs in methods.items():
        results = [_result(method, n, people) for n in range(COUNT)]
        arrays = {measure: np.array(values, dtype=float) for measure, values in pairs.items()}
        scores[method] = Scores(results, [f"{n:064x}" for n in range(COUNT)], arrays, **found)
    photos = {result.target_image: f"{9:064x}" for score in scores.values() for result in score.results}
    return report_on(protocol, (24, 16), scores, photos, file_notes or {}, compared)


def _result(method, n, people):
    target, source = (f"img/MEN/Tees/id_0000000{n % people}/0{n}_{view}.jpg" for view in ("1_front", "2_side"))
    root = Path("root")
    return Result(f"{n}_vis", Path(method) / f"{n}_vis.png", root / target, root / source, target, source)
