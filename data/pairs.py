"""The pair files, and the names that follow from an image's name."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from data.pair_lists import read_list
from system.errors import InputError


@dataclass(frozen=True)
class Pair:
    """One line of a pair file. Images are paths below the root: `img/WOMEN/Dresses/id_00000002/02_1_front.jpg`."""

    target: str
    sources: tuple[str, ...]  # One or more; training draws one of them.
    where: str = field(default="", compare=False)  # FILE:LINE, for messages.


def read_pairs(root, split):
    """The pairs of `split` ("train" or "test") as a list of Pair. Opens no image.

    Where there is no {split}_pairs.txt, a {split}_pairs.csv or {split}_pairs.json of another project is read: see
    data.pair_lists. Raises InputError where the root or the pair file is missing, the file is empty, or a line is
    anything but `img/TARGET,img/SOURCE[,img/SOURCE ..]`.
    """
    path = Path(root) / f"{split}_pairs.txt"
    if not Path(root).is_dir():
        raise InputError(f"{root}: expected a folder that holds img/, pose/, train_pairs.txt and test_pairs.txt")
    others = [other for ending in (".csv", ".json") if (other := path.with_suffix(ending)).is_file()]
    if others and not path.exists():
        pairs = [Pair(target, (source,), where) for target, source, where in read_list(others[0], root, flat_name)]
        return _some(pairs, others[0])
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: expected a pair file, got: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a text file of lines `TARGET,SOURCE[,SOURCE ..]`") from error
    pairs = [_pair(line, f"{path}:{n}") for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    return _some(pairs, path)


def _some(pairs, path):
    if not pairs:
        raise InputError(f"{path}: expected lines `TARGET,SOURCE[,SOURCE ..]`, got an empty file")
    return pairs


def _pair(line, where):
    target, *sources = (name.strip() for name in line.split(","))
    if not sources:
        raise InputError(f"{where}: expected `TARGET,SOURCE[,SOURCE ..]`, got one field, {line.strip()!r}")
    for name in (target, *sources):
        if not re.fullmatch(r"img/.*[^/]", name) or ".." in name:
            raise InputError(f"{where}: expected image paths below the root that begin with img/, got {name!r}")
    return Pair(target, tuple(sources), where)


def check_images(pairs, is_fit, fault, targets=True):
    """Raise InputError, naming pair file, line and image, for the first image of `pairs` that `is_fit` denies.

    `fault` completes the sentence "IMAGE .."; each image is asked about once; `targets=False` asks about sources only.
    """
    seen = set()
    for pair in pairs:
        for image in (*([pair.target] if targets else []), *pair.sources):
            if image not in seen and not is_fit(image):
                raise InputError(f"{pair.where}: {image} {fault}")
            seen.add(image)


def check_keypoints(pairs, root):
    """Raise InputError, naming pair file, line and image, for the first image of `pairs` without a keypoint file."""
    check_images(pairs, lambda image: keypoint_path(root, image).is_file(), f"has no keypoint file below {root}/pose")


def without(pairs, keys):
    """The pairs less the images of these data base keys. Raises InputError where no pair is left."""
    usable = (
        replace(pair, sources=tuple(source for source in pair.sources if lmdb_key(source) not in keys))
        for pair in pairs
        if lmdb_key(pair.target) not in keys
    )
    left = [pair for pair in usable if pair.sources]
    if not left:
        raise InputError(f"{pairs[0].where}: expected pairs, but all of them name images that could not be read")
    return left


def keypoint_path(root, image):
    """The keypoint file of an image: the same path with `img/` -> `pose/` and the ending `.txt`."""
    return Path(root) / "pose" / PurePosixPath(image).relative_to("img").with_suffix(".txt")


def lmdb_key(image):
    """The image's key in the data base: its path, ending in `.png`."""
    return str(PurePosixPath(image).with_suffix(".png"))


def flat_name(image):
    """The image's path as one word: `img/MEN/Tees/id_00000001/03_3_back.jpg` -> `fashionMENTeesid0000000103_3back`."""
    path = PurePosixPath(image)
    *outer, item = path.parent.parts[1:] or ("",)
    number, *rest = path.stem.split("_")
    view = f"{number}_{''.join(rest)}" if rest else number
    return "".join(["fashion", *outer, item.replace("_", ""), view])


def result_name(source, target):
    """File name of the generated picture that shows `source`'s person in `target`'s pose."""
    return f"{flat_name(source)}_2_{flat_name(target)}_vis.png"
