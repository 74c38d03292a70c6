"""A picture of the best, the middling and the worst pairs, for people to look at."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data.images import read_rgb
from data.resize import fit
from diffusion.pictures import grid_picture
from evaluation.measures import higher_is_better

HEIGHT = 192  # Of each photo, in pixels.
LINE = 18  # Height of a line of words, in pixels.
EACH = 3  # Pairs of each kind.
MOST = 4  # Times as wide as high, or the reverse, that pictures are shown.


def examples_picture(report):
    """A grid, an example in each row: its kind and scores, source, target, and each method but the copied source."""
    first, *_ = report.scores.values()
    measure = ranking_measure(first.pairs)
    rows = examples(first.pairs[measure], higher_is_better(measure)) if measure else _first_rows(first)
    drawn = {
        method: scores
        for method, scores in report.scores.items()
        if any(result.generated != result.source for result in scores.results)
    }
    results = [first.results[n] for n, _ in rows]
    ranked = f" for {next(iter(drawn))}" if len(drawn) > 1 else ""
    crop = report.protocol.crop
    sources, targets = (
        [fit(image, crop, "crop") if crop else image for image in map(read_rgb, paths)]
        for paths in ([result.source for result in results], [result.target for result in results])
    )
    aspect = min(max(targets[0].width / targets[0].height, 1 / MOST), MOST)
    size = (round(HEIGHT * aspect), HEIGHT)
    columns = {
        measure or "": [_label(size, f"{kind}{ranked}", report.scores, measure, n) for n, kind in rows],
        "source": sources,
        "target": targets,
    }
    for method, scores in drawn.items():
        title = shortened(method, size[0])
        while title in columns:
            title += " "
        columns[title] = [read_rgb(scores.results[n].generated) for n, _ in rows]
    return grid_picture(columns, HEIGHT, aspect)


def ranking_measure(pairs):
    """The measure that orders the examples: the first LPIPS, or else the first of all; None where there is none."""
    usable = [measure for measure, values in pairs.items() if not np.isnan(values).all()]
    return next((measure for measure in usable if measure.startswith("lpips")), next(iter(usable), None))


def examples(values, higher):
    """(index, kind) of up to three best, median and worst pairs each, none of them twice, the best first."""
    order = np.argsort(-values if higher else values, kind="stable")
    order = order[~np.isnan(values[order])]
    each = min(EACH, max(1, len(order) // 3))
    best, worst = order[:each], order[each:][-each:]
    between = order[each : len(order) - each]
    start = max(0, (len(between) - each) // 2)
    kinds = {"best": best, "median": between[start : start + each], "worst": worst}
    return [(int(n), kind) for kind, chosen in kinds.items() for n in chosen]


def _first_rows(scores):
    return [(n, "") for n in range(min(EACH, len(scores.results)))]


def _label(size, kind, methods, measure, n):
    """A white picture of `size` (W, H): the kind of example, the pair's number in per_image.csv, and all scores."""
    picture = Image.new("RGB", size, "white")
    lines = [kind, f"pair {n + 1:,}"]
    fitting = size[1] // LINE
    gap = [""] if len(lines) + 3 * len(methods) <= fitting else []
    for method, scores in methods.items():
        value = scores.pairs.get(measure, np.full(n + 1, np.nan))[n]
        lines += [*gap, method, "-" if np.isnan(value) else f"{value:.4f}"]
    draw = ImageDraw.Draw(picture)
    for row, line in enumerate(lines[:fitting]):
        text = shortened(line, size[0])
        draw.text((size[0] / 2, 14 + LINE * row), text, fill="black", font=ImageFont.load_default(size=14), anchor="mm")
    return picture


def shortened(text, width, font_size=16):
    """`text`, or its end after dots, such that it is at most `width` pixels wide."""
    font = ImageFont.load_default(size=font_size)
    cut = text
    while font.getlength(cut) > width and len(cut) > 2:
        cut = "…" + cut.removeprefix("…")[1:]
    return cut
