"""Score generated test pictures: python -m evaluation --generated DIR --data ROOT

Prints SSIM, PSNR and L1, of the pictures and of the source photos taken as they are (what doing nothing gives), and
saves them with their settings as JSON.
"""

import json
import math
import os
import platform
from importlib.metadata import version
from pathlib import Path

from config.errors import InputError, command
from config.flags import Parser, size, whole
from data.files import write_whole
from evaluation.compare import SSIM_SETTINGS, mean
from evaluation.results import find_results, score_results


@command
def main(arguments=None):
    """Run the command line."""
    options = _parser().parse_args(arguments)
    out = Path(options.out or Path(options.generated) / "metrics.json")
    results = find_results(options.generated, options.data, options.limit)
    _make_room(out)
    shape, generated, copied = score_results(results, options.size)

    rows = {"generated": mean(generated), "source copied": mean(copied)}
    text = json.dumps(_record(options, shape, len(results), rows), indent=2) + "\n"
    write_whole(out, lambda file: file.write(text.encode()))
    print(_table(rows))
    print(f"{len(results)} pairs of {options.data} at {shape[0]} x {shape[1]}; saved in {out}")


def _parser():
    parser = Parser("Score generated test pictures.", prog="python -m evaluation")
    parser.add_argument("--generated", required=True, metavar="DIR", help="what test.py wrote")
    parser.add_argument("--data", required=True, metavar="ROOT", help="holds img/ and test_pairs.txt")
    parser.add_argument("--size", type=size("--size"), metavar="HxW", help="refuse results of another size than this")
    parser.add_argument("--limit", type=whole("--limit", 1), metavar="N", help="score only the first N pairs")
    parser.add_argument("--out", metavar="FILE", help="the JSON file; DIR/metrics.json if not given")
    return parser


def _make_room(out):
    """Find out before the long work whether `out` can be written."""
    if out.is_dir():
        raise InputError(f"{out}: expected a file to write, got a folder")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: its folder cannot be made: {error.strerror}") from error
    if not os.access(out.parent, os.W_OK):
        raise InputError(f"{out}: its folder cannot be written to")


def _record(options, shape, count, rows):
    """What metrics.json holds. An infinite PSNR is written as the text "inf", since JSON has no such number."""
    return {
        "pairs": count,
        "size": list(shape),
        "scores": {row: _json_numbers(scores) for row, scores in rows.items()},
        "settings": {
            "generated": options.generated,
            "data": options.data,
            "limit": options.limit,
            "truth": "the target photo squeezed to the size of the results, PIL bicubic",
            "ssim": SSIM_SETTINGS,
            "psnr": {"data_range": 255},
            "l1": "mean absolute difference of RGB values in [0, 1]",
        },
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("scikit-image", "numpy", "pillow")},
        },
    }


def _json_numbers(scores):
    return {name: x if math.isfinite(x) else str(x) for name, x in scores._asdict().items()}


def _table(rows):
    lines = [f"{'':13}  {'SSIM':>7}  {'PSNR':>7}  {'L1':>7}"]
    lines += [f"{row:13}  {s.ssim:7.4f}  {s.psnr:7.3f}  {s.l1:7.4f}" for row, s in rows.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
