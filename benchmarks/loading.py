"""What loading a pair at 256x256 takes on one thread, part by part, and what one worker process delivers.

    python benchmarks/loading.py [--json]

Compares with the way of this code's forerunners, on the same drawn people and the same draws: per limb a copy of the
whole canvas, blended and measured as a whole; a float tensor per distance, appended one by one; floats handed over
by torch's DataLoader; and PNG files whose checksums nobody looks at. Before anything is timed, both give equal floats.
"""

import io
import itertools
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import add_json_flag, in_turns, report
from config.flags import Parser
from config.schema import DataConfig
from data import prepare_data, synthetic
from data.dataset import PairDataset, enlargement, vary
from data.images import squeeze, to_tensor
from data.levels import to_device
from data.loader import Loader
from data.pairs import keypoint_path, lmdb_key
from data.pose import COLOURS, LIMBS, THICKNESS, annotation_to_image, pose_levels, read_keypoints
from data.resize import placement
from system.errors import command

SIZE = (256, 256)
BATCH = 8
BATCHES = 40  # Per turn of a worker; the first ones are not timed.
UNTIMED = 8
TURNS = 3
ROW = 8  # Calls in a row, as in a worker: none pays for the memory that the other way left cold or gave back.
CHECKED = 16  # Pairs.
ROUNDING = 2  # Levels.


@command
def main():
    """Draw people, compare, measure and print."""
    parser = Parser(__doc__)
    add_json_flag(parser)
    args = parser.parse_args()
    one_thread()
    with tempfile.TemporaryDirectory() as folder:
        settings = make_data(Path(folder))
        ours, theirs = PairDataset(settings, SIZE, seed=0), Forerunners(settings, SIZE, seed=0)
        check(ours, theirs)
        table = [*parts(ours, theirs), *workers(ours, theirs)]
    notes = [f"{CHECKED} pairs of both ways have equal poses, and images within the rounding of {ROUNDING} levels."]
    report("loading", table, args.json, notes)


def one_thread(_worker=None):
    """Let this process compute on one thread, as workers do."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def make_data(folder):
    """The DataConfig of a few drawn people and their data base, made below `folder`."""
    root, out = folder / "people", folder / "lmdb"
    synthetic.generate(root, identities=4, poses=3, size=(256, 176), workers=1)
    prepare_data.main([f"--root={root}", f"--out={out}", f"--size={SIZE[0]}x{SIZE[1]}", "--workers=1"])
    return DataConfig(root=str(root), lmdb=str(out))


class Forerunners(PairDataset):
    """The same items, of floats, made the forerunners' way."""

    def _load(self, name, random):
        image, keypoints = decode_unchecked(self.store, name), np.loadtxt(keypoint_path(self.root, name))
        image, keypoints = enlarged(image, keypoints, random)
        return to_tensor(image), float_pose(keypoints)


def decode_unchecked(store, name):
    """An RGB image of the store, whatever its checksums say."""
    return Image.open(io.BytesIO(store._value(lmdb_key(name)))).convert("RGB")  # noqa: SLF001 (to leave the checks out)


def enlarged(image, keypoints, random):
    """What data.dataset.vary does, by Pillow: an image in place of levels, and keypoints."""
    width, height = image.size
    size, (top, left) = enlargement((height, width), random)
    crop = squeeze(image, size).crop((left, top, left + width, top + height))
    return crop, annotation_to_image(keypoints, size, offset=(top, left))


def float_pose(keypoints):
    """The pose map (20, H, W) of keypoints (18, 2)."""
    present = (keypoints != -1).any(axis=1)
    canvas = np.zeros((*SIZE, 3), dtype=np.uint8)
    for (x, y), colour, drawn in zip(keypoints, COLOURS, present, strict=True):
        if drawn:
            cv2.circle(canvas, (int(x), int(y)), THICKNESS, colour, thickness=-1)
    masks = []
    for (a, b), colour in zip(LIMBS, COLOURS, strict=False):
        mask = np.zeros(SIZE, dtype=np.uint8)
        if present[a] and present[b]:
            polygon = limb(*keypoints[a], *keypoints[b])
            copy = canvas.copy()
            cv2.fillConvexPoly(copy, polygon, colour)
            canvas = cv2.addWeighted(canvas, 0.4, copy, 0.6, 0)
            cv2.fillConvexPoly(mask, polygon, 255)
        masks.append(mask)
    pose = float_tensor(cv2.cvtColor(canvas, cv2.COLOR_BGR2RGB))
    for mask in masks:
        distance = cv2.distanceTransform(255 - mask, cv2.DIST_L1, 3)
        distance = np.clip(distance / 3, 0, 255).astype(np.uint8)
        pose = torch.cat([pose, float_tensor(distance)])
    return pose


def limb(xa, ya, xb, yb):
    """The outline of a limb."""
    centre, length = (int((xa + xb) / 2), int((ya + yb) / 2)), math.hypot(xa - xb, ya - yb)
    angle = int(math.degrees(math.atan2(ya - yb, xa - xb)))
    return np.asarray(cv2.ellipse2Poly(centre, (int(length / 2), THICKNESS), angle, 0, 360, 1))


def float_tensor(pixels):
    """(H, W) or (H, W, 3) by way of a PIL image -> float32 (channels, H, W) in [0, 1]."""
    pixels = np.array(Image.fromarray(pixels)).reshape(*SIZE, -1)
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous().float().div(255)


def check(ours, theirs):
    """See that both give the same floats, but for roundings of enlarged images."""
    for position in range(CHECKED):
        item, expected = to_device(ours[position], "cpu"), theirs[position]
        for name in ("source_pose", "target_pose", "source_image", "target_image"):
            levels = 0 if name.endswith("_pose") else ROUNDING
            assert item[name].dtype == expected[name].dtype == torch.float32
            apart = (item[name] - expected[name]).abs().max() * 127.5
            assert apart <= levels + 1e-4, f"position {position}: {name} is {apart:.2f} levels off"


def parts(ours, theirs):
    """Rows of a table: the steps of loading in this process."""
    name = ours.pairs[0].target
    path, random, places = keypoint_path(ours.root, name), np.random.default_rng(0), itertools.count()
    image, keypoints = ours.store.read(lmdb_key(name)), read_keypoints(path)
    joints, placed = annotation_to_image(keypoints, SIZE), placement(None, SIZE, "squeeze")

    calls = {
        "read and decode an image, ms": (
            lambda: decode_unchecked(ours.store, name),
            lambda: ours.store.read(lmdb_key(name)),
        ),
        "an image to an enlarged and cropped tensor, ms": (
            lambda: to_tensor(enlarged(image, keypoints, random)[0]),
            lambda: vary(image, placed, random),
        ),
        "read keypoints, ms": (lambda: np.loadtxt(path), lambda: read_keypoints(path)),
        "draw a pose map, ms": (lambda: float_pose(joints), lambda: torch.from_numpy(pose_levels(joints, SIZE))),
        "a whole pair, ms": (lambda: theirs[next(places)], lambda: ours[next(places)]),
    }
    for what, (their_call, our_call) in calls.items():
        taken = in_turns({"theirs": in_a_row(their_call), "ours": in_a_row(our_call)}, runs=15)
        theirs_taken, ours_taken = (1e3 * seconds / ROW for seconds in taken.values())
        yield row(what, theirs_taken, ours_taken, theirs_taken / ours_taken)


def in_a_row(call):
    """A function that makes a call ROW times."""

    def calls():
        for _ in range(ROW):
            call()

    return calls


def workers(ours, theirs):
    """Rows of a table: what comes out of one worker process, and how much of it there is."""
    batches = [list(range(first, first + BATCH)) for first in range(0, BATCH * BATCHES, BATCH)]
    rates = []
    for _ in range(TURNS):
        loader = DataLoader(theirs, batch_sampler=batches, num_workers=1, worker_init_fn=one_thread)
        rates.append((rate(loader), rate(Loader(ours, 1, batches))))
    theirs_rate, ours_rate = map(statistics.median, zip(*rates, strict=True))
    yield row("pairs per second of one worker", theirs_rate, ours_rate, ours_rate / theirs_rate)
    their_bytes, our_bytes = (
        sum(value.nbytes for value in dataset[0].values() if torch.is_tensor(value)) for dataset in (theirs, ours)
    )
    yield row("bytes per pair handed over", their_bytes, our_bytes, their_bytes / our_bytes)


def rate(loader):
    """Pairs per second, once batches lie ready."""
    times = [time.perf_counter() for _ in loader]
    return (BATCHES - UNTIMED) * BATCH / (time.perf_counter() - times[UNTIMED - 1])


def row(what, theirs, ours, ratio):
    """A row of the table; a ratio above 1 speaks for this code."""
    return {"what": what, "forerunners": theirs, "here": ours, "ratio": ratio}


if __name__ == "__main__":
    main()
