"""A gallery of poses to put people in, as files: data/poses/NAME.json, in OpenPose's form."""

from difflib import get_close_matches
from pathlib import Path

from data.keypoint_json import read_openpose
from system.errors import InputError, printable

FOLDER = Path(__file__).with_name("poses")


def gallery_names():
    """Names of the gallery's poses, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def gallery_pose(name):
    """Keypoints of the gallery's pose `name`, in a picture of 256 x 176. Raises InputError where there is none."""
    names = gallery_names()
    if name not in names:
        near = " or ".join(get_close_matches(name, names))
        hint = f" ({near}?)" if near else ""
        raise InputError(f"{printable(name)}: expected a pose of the gallery{hint}: {', '.join(names)}")
    return read_openpose(FOLDER / f"{name}.json")[""]
