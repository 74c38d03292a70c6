"""How much of a score is the protocol? Scores slightly altered copies of true photos by every protocol.

    python benchmarks/protocols.py --data ROOT --out outputs/protocols

ROOT has the layout of the README's data section. Each photo that a pair file names, squeezed to 256 x 256 and altered
in a few ways, takes the place of a generated picture. Prints what each protocol says of the same pictures, as Markdown.
"""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.flags import Parser
from data.images import read_rgb, squeeze, write_png
from data.pairs import read_pairs, result_name
from evaluation.protocols import PROTOCOLS
from system.errors import InputError, command

REPOSITORY = Path(__file__).resolve().parents[1]
SIZE = (256, 256)
MEASURES = {"ssim": "SSIM", "ssim_256": "SSIM_256", "mask_ssim": "mask-SSIM", "psnr": "PSNR"}


def compressed(image):
    """Through a JPEG file of Pillow's usual quality, 75."""
    file = io.BytesIO()
    image.save(file, format="JPEG")
    return Image.open(file).convert("RGB")


ALTERATIONS = {
    "through JPEG": compressed,
    "one pixel right": lambda image: Image.fromarray(np.roll(np.asarray(image), 1, axis=1)),
    "a tenth darker": lambda image: image.point(lambda level: round(level * 0.9)),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1.5)),
    "of 128 x 128": lambda image: squeeze(squeeze(image, (128, 128)), SIZE),
}


@command
def main():
    """Alter, score, print."""
    parser = Parser(__doc__)
    parser.add_argument("--data", required=True, help="the data's root")
    parser.add_argument("--out", required=True, help="folder to write")
    args = parser.parse_args()
    out = Path(args.out).resolve()
    root, pairs = with_every_photo_as_target(Path(args.data), out / "root")
    for alteration, alter in ALTERATIONS.items():
        for target, source in pairs:
            picture = alter(squeeze(read_rgb(root / target), SIZE))
            path = out / alteration / result_name(source, target)
            write_png(path, picture)
    scores = {protocol: score(out, root, protocol) for protocol in PROTOCOLS}
    print(table(scores))
    print(f"\n{len(pairs)} photos of {args.data}")


def with_every_photo_as_target(data, root):
    """A root with the photos of `data`, in which each photo of its pair files is a target once, and the pairs."""
    partners = {}
    for line in [line for split in ("train", "test") for line in read_pairs(data, split)]:
        for target, source in ((line.target, line.sources[0]), *((source, line.target) for source in line.sources)):
            partners.setdefault(target, source)
    pairs = list(partners.items())
    root.mkdir(parents=True, exist_ok=True)
    for name in ("img", "pose"):
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to((data / name).resolve())
    (root / "test_pairs.txt").write_text("".join(f"{target},{source}\n" for target, source in pairs))
    return root, pairs


def score(out, root, protocol):
    """Alteration -> measure -> value, by one protocol."""
    words = [sys.executable, "-m", "evaluation", "--data", root, "--protocol", protocol, "--out", out / protocol]
    words += ["--compare", *(out / alteration for alteration in ALTERATIONS), "--metrics", "ssim", "psnr"]
    if subprocess.run(list(map(str, words)), cwd=REPOSITORY, stdout=subprocess.DEVNULL, check=False).returncode:
        raise InputError(f"{protocol}: python -m evaluation failed, as said above")
    methods = json.loads((out / protocol / "metrics.json").read_text())["methods"]
    return {
        alteration: {name: entry["value"] for name, entry in methods[alteration]["scores"].items()}
        for alteration in ALTERATIONS
    }


def table(scores):
    """A row for each measure of each protocol, a column for each alteration."""
    lines = [f"| | | {' | '.join(ALTERATIONS)} |", "|---|---|" + "---|" * len(ALTERATIONS)]
    for protocol, by_alteration in scores.items():
        for measure in [name for name in MEASURES if name in next(iter(by_alteration.values()))]:
            digits = 2 if measure == "psnr" else 3
            cells = [f"{by_alteration[alteration][measure]:.{digits}f}" for alteration in ALTERATIONS]
            lines.append(f"| `{protocol}` | {MEASURES[measure]} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
