"""Draw a demo set of clothed, articulated people in the DeepFashion layout, with exactly known flow between its images.

    python data/synthetic.py --out ROOT [--preset demo|full] [--identities N] [--poses N] [--size 256x176] [--seed 0]
        [--workers N]

Every tenth person is held out for the test pairs; where that is nobody, the last one. So whom a set of ten people or
more holds out is held out of larger ones too, if the seed is the same. ROOT/synthetic.json keeps the arguments: from
them `pair_flow` derives the true flow of any pair of the set. A second run with the same arguments keeps the images
that are there and draws the rest.
"""

import itertools
import json
import multiprocessing
import os
import re
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.flags import Parser, size, whole
from data.figure.flow import true_flow
from data.figure.identity import identity
from data.figure.picture import picture
from data.figure.poses import pose
from data.figure.scene import scene
from data.pose import TORSO
from system.errors import InputError, command
from system.files import write_text, write_whole
from system.progress import progress_bar

VIEWS = (  # Number and view of an image's name, in the order in which poses are drawn.
    (1, "front"), (2, "side"), (3, "back"), (4, "full"), (7, "additional"),
    (5, "side"), (6, "front"), (8, "back"), (9, "full"),
)  # fmt: skip
HELD_OUT = 10  # One person in so many.
PRESETS = {"demo": {"identities": 120, "poses": 5}, "full": {"identities": 1000, "poses": 5}}
RECORD = "synthetic.json"

__all__ = ["draw", "generate", "identity", "keypoints", "pair_flow", "poses_of", "scene", "true_flow"]


def poses_of(seed, index, count):
    """The poses of person `index`: `count` of them, in the order of VIEWS."""
    return tuple(pose(seed, index, k, view) for k, (_, view) in enumerate(VIEWS[:count]))


def draw(person, person_pose, size, shaded=True):
    """Image uint8 (H, W, 3) RGB. `size` is (H, W); `shaded=False` gives the bare colour of each surface point."""
    return picture(person, person_pose, size, shaded)[0]


def keypoints(person, person_pose, size):
    """COCO-18 keypoints float64 (18, 2), x y in pixels of an image of `size` (H, W); -1 -1 where not seen."""
    return picture(person, person_pose, size)[1]


def image_names(seed, index, count):
    """Paths of a person's images, relative to the set's root."""
    person = identity(seed, index)
    folder = f"img/{person.gender}/{person.category}/id_{index + 1:08d}"
    return [f"{folder}/01_{number}_{view}.jpg" for number, view in VIEWS[:count]]


def pair_flow(root, target_name, source_name, size):
    """True flow, float32 (2, H, W), and visibility, bool (H, W), of a pair of images of a generated set.

    The names are those of the pair files; see `true_flow` for the meaning. `size` (H, W) may differ from that of the
    images: the grid then covers the same picture, squeezed as resizing would. Raises InputError for a name that is not
    in the set, and for two different people.
    """
    record = _read_record(root)
    places = [_place(record, root, name) for name in (target_name, source_name)]
    if places[0][0] != places[1][0]:
        raise InputError(f"{source_name}: shows another person than {target_name}; a pair needs the same one twice.")
    index = places[0][0]
    poses = poses_of(record["seed"], index, record["poses"])
    return true_flow(identity(record["seed"], index), poses[places[0][1]], poses[places[1][1]], size)


def _read_record(root):
    path = Path(root) / RECORD
    if not path.is_file():
        raise InputError(f"{root}: has no {RECORD}; expected the output folder of data/synthetic.py.")
    return json.loads(path.read_text())


def _place(record, root, name):
    """Index of the person and number of the pose of an image."""
    match = re.search(r"id_(\d{8})/", name)
    index = int(match[1]) - 1 if match else -1
    names = image_names(record["seed"], index, record["poses"]) if 0 <= index < record["identities"] else []
    if name not in names:
        raise InputError(f"{name}: is not an image of the set in {root}.")
    return index, names.index(name)


def generate(root, identities, poses=5, size=(256, 176), seed=0, workers=None):
    """Write the set under `root`. Its bytes follow from the arguments, not from `workers` or earlier, broken runs."""
    root = Path(root)
    arguments = {"identities": identities, "poses": poses, "size": list(size), "seed": seed}
    _claim(root, arguments)
    jobs = [(index, number) for index in range(identities) for number in range(poses)]
    work = partial(_draw_one, root, size, seed, poses)
    workers = min(workers or os.cpu_count() or 1, len(jobs))
    bar = partial(progress_bar, what="drawing", unit="image", total=len(jobs))
    if workers == 1:
        present = list(bar(map(work, jobs)))
    else:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            present = list(bar(pool.imap(work, jobs, chunksize=poses)))
    _write_pairs(root, identities, poses, seed, present)


def _claim(root, arguments):
    """Record the arguments, or check that the set that is there was drawn with the same ones."""
    path = root / RECORD
    if root.exists() and not root.is_dir():
        raise InputError(f"--out {root}: is not a folder.")
    if path.is_file() and json.loads(path.read_text()) != arguments:
        raise InputError(f"--out {root}: holds a set drawn with other arguments ({path.read_text().strip()}).")
    _write_text(path, json.dumps(arguments) + "\n")


def _draw_one(root, size, seed, count, job):
    """Draw one image with its keypoints unless both are there. Returns whether shoulders and hips are present."""
    cv2.setNumThreads(1)
    index, number = job
    name = image_names(seed, index, count)[number]
    image_path, pose_path = root / name, (root / name.replace("img/", "pose/", 1)).with_suffix(".txt")
    if not (image_path.is_file() and pose_path.is_file()):
        image, points = picture(identity(seed, index), poses_of(seed, index, count)[number], size)
        drawing = Image.fromarray(image)
        write_whole(image_path, lambda file: drawing.save(file, format="JPEG", quality=95, subsampling=0))
        _write_text(pose_path, _annotation(points, size))
    return bool((np.loadtxt(pose_path)[TORSO] >= 0).all())


def _annotation(points, size):
    """The text of a keypoint file: 18 rows `x y` in the annotation frame, whose picture is columns 40..215 of 256."""
    there = points * [176 / size[1], 256 / size[0]] + [40, 0]
    rows = np.where(points[:, :1] < 0, -1.0, there)
    return "".join(f"{x:.18e} {y:.18e}\n" for x, y in rows)


def _write_text(path, text):
    write_text(path, text)


def _write_pairs(root, identities, poses, seed, present):
    """The pair files: every view with all the other views of the person (train), or with the next one (test).

    People with fewer than two images that show shoulders and hips are left out.
    """
    groups = {}
    for index in range(identities):
        flags = present[index * poses : (index + 1) * poses]
        names = list(itertools.compress(image_names(seed, index, poses), flags))
        if len(names) > 1:
            groups[index] = names
    test = {index for index in groups if index % HELD_OUT == HELD_OUT - 1}
    if not test and len(groups) > 1:
        test = {max(groups)}  # Of a set too small to be comparable with others.
    lines = {"train": [], "test": []}
    for index, names in groups.items():
        if index in test:
            lines["test"] += [f"{name},{source}" for name, source in zip(names, names[1:] + names[:1], strict=True)]
        else:
            lines["train"] += [",".join([name, *(n for n in names if n != name)]) for name in names]
    for split, rows in lines.items():
        _write_text(root / f"{split}_pairs.txt", "".join(f"{row}\n" for row in rows))


def _described(preset):
    return "{}: {identities} people in {poses} poses".format(preset, **PRESETS[preset])


@command
def main(arguments=None):
    """Run the command line."""
    parser = Parser(__doc__)
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument("--preset", choices=PRESETS, default="demo", help="; ".join(map(_described, PRESETS)))
    parser.add_argument(
        "--identities", type=whole("--identities", 1, 10**6), help="number of people, else the preset's"
    )
    parser.add_argument("--poses", type=whole("--poses", 2, len(VIEWS)), help="images of each, else the preset's")
    parser.add_argument("--size", type=size("--size", 16), default=(256, 176), help="height x width (default: 256x176)")
    parser.add_argument("--seed", type=whole("--seed", 0, 2**32 - 1), default=0, help="another seed draws other people")
    parser.add_argument("--workers", type=whole("--workers", 1), default=os.cpu_count() or 1, help="processes")
    flags = parser.parse_args(arguments)
    given = {name: value for name in ("identities", "poses") if (value := getattr(flags, name)) is not None}
    generate(flags.out, **PRESETS[flags.preset] | given, size=flags.size, seed=flags.seed, workers=flags.workers)


if __name__ == "__main__":
    main()
