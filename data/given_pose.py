"""Poses as a person gives them: a keypoint file, the name of a bundled one, a folder or a list of such."""

from pathlib import Path

from data.keypoint_values import parsed, text_of
from data.keypoints import read
from data.pose_edit import check_pose
from data.pose_gallery import gallery_pose
from system.errors import InputError

ENDINGS = (".json", ".txt")  # Of keypoint files in a folder.


def pose_of(given, size=None, person=None):
    """The Keypoints of a file of any form (see data.keypoints), or of a bundled pose by its name.

    size: (H, W) of the picture, needed where the file does not tell it. person: which one to take, counted from 0; else
    the largest. Raises InputError, beginning with what was given; so it does for a pose with too few joints.
    """
    path = Path(given)
    if path.is_dir():
        raise InputError(f"{given}: expected one pose, got a folder")
    if path.is_file():
        table = read(path, size, person)
        if len(table) != 1:
            raise InputError(f"{given}: expected the pose of one picture, got those of {len(table)}")
        (pose,) = table.values()
    elif path.suffix in ENDINGS or len(path.parts) > 1:
        raise InputError(f"{given}: expected a keypoint file, got no such file")
    else:
        pose = gallery_pose(str(given))
    check_pose(pose, given)
    return pose


def poses_of(given, size=None, person=None):
    """The poses of a folder's keypoint files, by name; of a JSON file that lists files or names; else the one pose.

    Files in a list are relative to it. Raises InputError.
    """
    path = Path(given)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in ENDINGS)
        if not files:
            raise InputError(f"{given}: expected keypoint files ({', '.join(ENDINGS)}) in it, got none")
        return [pose_of(file, size, person) for file in files]
    names = _listed(path)
    return [pose_of(name, size, person) for name in names] if names else [pose_of(given, size, person)]


def _listed(path):
    """What a JSON file that is a list of texts names; none for any other file."""
    if path.suffix != ".json" or not path.is_file():
        return []
    text = text_of(path)
    content = parsed(path, text) if text.lstrip().startswith("[") else None
    if not content or not all(isinstance(name, str) for name in content):
        return []
    return [str(path.parent / name) if (path.parent / name).is_file() else name for name in content]
