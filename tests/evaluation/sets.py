"""A small data set, and what a method made of it."""

import json

import numpy as np
from PIL import Image

from data.pairs import result_name

IMAGES = [f"img/WOMEN/Dresses/id_0000000{i}/01_{k}_front.jpg" for i in (1, 2) for k in (1, 2)]
PAIRS = [(IMAGES[3], IMAGES[2]), (IMAGES[1], IMAGES[0]), (IMAGES[0], IMAGES[1])]  # Target, source; not by name.
SIZE = (24, 16)
PIXELS = ("ssim", "psnr", "l1", "mae")


def picture(seed, size=SIZE):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def save(path, seed, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed, size)).save(path)


def make_root(folder):
    """Four photos, larger than the results, and three test pairs."""
    for seed, image in enumerate(IMAGES):
        save(folder / image, seed, (40, 40))
    write_pairs(folder, PAIRS)
    return folder


def write_pairs(root, pairs):
    (root / "test_pairs.txt").write_text("".join(f"{target},{source}\n" for target, source in pairs))


def make_results(folder, seed=10, size=SIZE, pairs=PAIRS):
    for n, (target, source) in enumerate(pairs):
        save(folder / result_name(source, target), seed + n, size)
    return folder


def write_keypoints(root):
    for image in IMAGES:
        path = (root / image.replace("img/", "pose/", 1)).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{60 + 7 * joint} {20 + 12 * joint}\n" for joint in range(18)))


def pixels(path, size=None):
    image = Image.open(path).convert("RGB")
    return np.array(image.resize(size[::-1], Image.Resampling.BICUBIC) if size else image)


def read_record(out):
    def refuse(token):
        raise AssertionError(f"{token} is no strict JSON")

    return json.loads((out / "metrics.json").read_text(), parse_constant=refuse)
