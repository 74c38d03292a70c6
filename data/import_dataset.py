"""Make a data set of this project's layout from photos and keypoints as they are.

    python data/import_dataset.py --images DIR --keypoints DIR_OR_FILE --out ROOT [--group-by folder|REGEX]
        [--split 0.9] [--form FORM] [--person N]
    python data/import_dataset.py --images DIR --detect-pose [MODEL.onnx] --out ROOT ..

Keypoints lie beside the photos' names in a folder (`a/b.jpg`: `a/b.json`, `a/b_keypoints.json` or `a/b.txt`), or in one
file for all; data/keypoints.py says in which forms. With --detect-pose they are found in the photos (see
data/detect_pose.py). Photos of one person in one outfit are a group: those of a folder, or those of whose path the
first group of REGEX (or all that it matches) is the same. Within a group, all ordered pairs of photos that show
shoulders and hips are taken; --split says which share of the groups is for training (one group alone is for both).

ROOT appears when it is complete, with report.txt (what was dropped, and why) and contact_sheet.png, which shows
skeletons over photos: look at it first.
"""

import collections
import itertools
import random
import re
import shutil
import sys
from pathlib import Path, PurePosixPath
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from config.flags import Parser, whole
from data.contact_sheet import contact_sheet
from data.images import ENDINGS, read_rgb
from data.keypoint_source import keypoint_source
from data.keypoint_values import Keypoints, missing
from data.keypoints import FORMS, looks_like, write_pidm
from data.pose import JOINT_NAMES, TORSO
from system.errors import InputError, command
from system.files import whole_folder
from system.progress import progress_bar

SHOWN = 24  # Photos on the contact sheet.
ALL_ONE = "They all count as one person, who is trained on and tested with; --group-by tells people apart."
MISFITS = 0.5  # Share of photos whose joints lie elsewhere, above which the frame must be wrong.


class OtherFrame(InputError):  # noqa: N818
    """Most joints lie beside the photo."""


class Photo(NamedTuple):
    """A photo that is taken."""

    path: Path
    name: str  # Below ROOT, such as img/a/b.jpg.
    group: str
    keypoints: Keypoints


@command
def main(arguments=None):
    """Run the command line."""
    options = _parse(arguments)
    if options.out.exists():
        raise InputError(f"--out {options.out}: is there already; name a new folder")
    keypoints = keypoint_source(options)
    photos, dropped = [], {}
    for path in progress_bar(_photos(options.images), "reading", unit="photo"):
        name = path.relative_to(options.images).as_posix()
        try:
            photos.append(_photo(path, name, keypoints, options))
        except InputError as error:
            dropped[name] = error
    _check(photos, dropped, options)
    train, test = _split(photos, options)
    report = _report(photos, dropped, train, test)
    with whole_folder(options.out) as root:
        _write(root, photos, train, test)
        (root / "report.txt").write_text(report, encoding="utf-8")
        contact_sheet([(photo.path, photo.keypoints) for photo in photos[:: -(-len(photos) // SHOWN)]]).save(
            root / "contact_sheet.png"
        )
    print(report, end="")
    print(f"{options.out}: look at contact_sheet.png before anything else")


def _parse(arguments):
    parser = Parser(__doc__)
    parser.add_argument("--images", required=True, type=Path, help="folder of photos, searched through")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--keypoints", type=Path, help="a folder of keypoint files, or one file for all")
    where.add_argument(
        "--detect-pose",
        nargs="?",
        const="",
        metavar="MODEL",
        help="find them by RTMO; default: the ONNX file in its cache",
    )
    parser.add_argument("--out", required=True, type=Path, help="the data set's root, a new folder")
    parser.add_argument("--group-by", default="folder", help="folder (the default), or a regular expression")
    parser.add_argument("--split", type=_share, default=0.9, help="share of the groups for training (default: 0.9)")
    parser.add_argument("--form", choices=FORMS, help="of the keypoint files; else it is known by their content")
    parser.add_argument(
        "--person", type=whole("--person", 0), help="who is meant in each photo, from 0; else the largest"
    )
    options = parser.parse_args(arguments)
    if not options.images.is_dir():
        raise InputError(f"--images {options.images}: expected a folder")
    if options.keypoints and not options.keypoints.exists():
        raise InputError(f"--keypoints {options.keypoints}: expected a folder or a file")
    if options.form and not options.keypoints:
        raise InputError(f"--form {options.form}: is of keypoint files, and --detect-pose reads none")
    try:
        options.group_by = None if options.group_by == "folder" else re.compile(options.group_by)
    except re.error as error:
        raise InputError(
            f"--group-by {options.group_by}: expected folder, or a regular expression ({error})"
        ) from error
    return options


def _share(text):
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise InputError(f"--split: expected a share from 0 to 1, got {text!r}")
    return share


def _photos(folder):
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not found:
        raise InputError(f"--images {folder}: expected photos ({', '.join(ENDINGS)}), found none")
    return found


def _photo(path, name, keypoints, options):
    image = read_rgb(path)
    if min(image.size) < 16:
        raise InputError(f"{name}: expected at least 16 x 16 pixels, got {image.height} x {image.width}")
    found = keypoints(name, image)
    if (frame := looks_like(found)) is not None:
        raise OtherFrame(f"{name}: most joints lie outside of its {image.height} x {image.width} pixels{frame}")
    if missing(found.joints)[TORSO].any():
        raise InputError(f"{name}: expected both shoulders and hips to be seen")
    group = _group(name, options.group_by)
    place = _plain(name)
    if options.group_by:
        place = f"{_flat(_plain(group))}/{_flat(place)}"  # A folder for each person, as in DeepFashion.
    return Photo(path, f"img/{place}", group, found)


def _plain(name):
    """A path that pair files and results' names can hold."""
    return re.sub(r"[^\w./-]|^\.+|(?<=/)\.+", "_", name)


def _flat(name):
    return name.replace("/", "_")


def _group(name, pattern):
    if pattern is None:
        return str(PurePosixPath(name).parent)
    if (match := pattern.search(name)) is None:
        raise InputError(f"{name}: expected --group-by to match")
    return match[1] if match.re.groups else match[0]


def _check(photos, dropped, options):
    misfits = [error for error in dropped.values() if isinstance(error, OtherFrame)]
    if options.keypoints and len(misfits) > MISFITS * (len(photos) + len(misfits)):
        raise InputError(f"--keypoints {options.keypoints}: of another frame than the photos. {misfits[0]}")
    names = collections.Counter(_result_part(photo.name) for photo in photos)
    for photo in photos:
        if names[_result_part(photo.name)] > 1:
            raise InputError(f"{photo.path}: has the same name as another photo when written as {photo.name}")
    groups = collections.Counter(photo.group for photo in photos)
    if not any(count > 1 for count in groups.values()):
        first = f" The first of {len(dropped)} dropped: {next(iter(dropped.values()))}" if dropped else ""
        raise InputError(f"--images {options.images}: expected two usable photos of a person, found none.{first}")


def _result_part(name):
    return str(PurePosixPath(name).with_suffix(""))


def _split(photos, options):
    """The lines of both pair files."""
    groups = collections.defaultdict(list)
    for photo in photos:
        groups[photo.group].append(photo.name)
    groups = [names for names in groups.values() if len(names) > 1]
    random.Random(0).shuffle(groups)
    count = min(max(1, round(options.split * len(groups))), max(1, len(groups) - 1))  # One for each, if there are two.
    train = [",".join([name, *(n for n in names if n != name)]) for names in groups[:count] for name in names]
    rest = groups[count:] or groups
    test = [",".join(pair) for names in rest for pair in itertools.permutations(names, 2)]
    return sorted(train), sorted(test)


def _report(photos, dropped, train, test):
    groups = {photo.group for photo in photos}
    seen = np.array([~missing(photo.keypoints.joints) for photo in photos])
    lines = [
        f"{len(photos)} photos of {len(groups)} group{'s' * (len(groups) > 1)} kept, {len(dropped)} dropped.",
        *([ALL_ONE] if len(groups) == 1 else []),
        f"{len(train)} lines of training pairs, {len(test)} test pairs.",
        "Joints not seen, in photos that were kept:",
        *(f"  {name:<14} {count:6}" for name, count in zip(JOINT_NAMES, (~seen).sum(axis=0), strict=True)),
        *(["Dropped:"] if dropped else []),
        *(f"  {reason}" for reason in dropped.values()),
    ]
    return "".join(f"{line}\n" for line in lines)


def _write(root, photos, train, test):
    for photo in photos:
        image = root / photo.name
        image.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(photo.path, image)
        pose = root / "pose" / PurePosixPath(photo.name).relative_to("img").with_suffix(".txt")
        write_pidm(pose, photo.keypoints)
    for split, lines in (("train", train), ("test", test)):
        (root / f"{split}_pairs.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
