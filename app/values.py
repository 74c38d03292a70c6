"""What the fields of the page hold, checked: any client may send anything. Messages begin with a field's name."""

from pathlib import Path

from app.inputs import read_photo
from app.skeleton_editor import to_keypoints, to_value
from config import flags
from data.given_pose import pose_of
from data.pose_edit import check_pose, placed
from data.pose_gallery import gallery_pose
from system.errors import InputError

MOST_POINTS = 24  # To mark in a picture.


def whole(name, value, least, most):
    """A whole number. Raises InputError."""
    integral = isinstance(value, float) and value.is_integer()
    return flags.whole(name, least, most)(_text(int(value) if integral else value))


def number(name, value, least, most):
    """A number. Raises InputError."""
    return flags.number(name, least, most)(_text(value))


def _text(value):
    return "" if value is None else str(value)[:40]


def points(text):
    """Points `x,y x,y ..` as a list; None for an empty text. Raises InputError."""
    words = (text or "").split()
    if len(words) > MOST_POINTS:
        raise InputError(f"Points: expected up to {MOST_POINTS}, got {len(words)}")
    return [flags.point("Points")(word[:40]) for word in words] or None


def pose_in(value, where):
    """The Keypoints that an editor holds. Raises InputError, for too few joints too."""
    if value is None:
        raise InputError(f"{where}: not there yet; choose one, load it from a file, or place the joints by hand")
    pose = to_keypoints(value, where)
    check_pose(pose, where)
    return pose


def pose_file(path, size):
    """The Keypoints of an uploaded file; `size` (H, W) where it tells none. Raises InputError, by the file's name."""
    try:
        return pose_of(path, size)
    except InputError as error:
        raise InputError(without_folder(str(error), path)) from error


def without_folder(text, path):
    """A message, with the name of a file in place of where the page keeps it."""
    return text.replace(str(path), Path(path).name)


def standing_in(photo):
    """The bundled standing pose in the shape of a photo, for the editor, as a beginning."""
    return to_value(placed(gallery_pose("standing"), size_of(photo)))


def size_of(photo):
    """Height and width of a photo."""
    return read_photo(photo, "The photo").size[::-1]
