"""What a person gives, read and checked: photos, masks, poses."""

import math
from pathlib import Path

import torch
from PIL import Image

from data.detect_pose import PoseDetector, find_model
from data.given_pose import pose_of, poses_of
from data.images import DAMAGE, FORMATS, read_rgb
from data.pose_edit import check_pose, check_shape, frames_between, placed
from diffusion.pipeline import Other, PoseTransferPipeline
from system.errors import InputError

LARGEST_SEED = 2**32 - 1
MOST_PIXELS = 40_000_000  # Of an uploaded photo.
PICTURE_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def add_checkpoint_flag(parser):
    """Add --checkpoint."""
    words = "a checkpoint or run folder, a release file, or user/name; the demo's weights know drawn people only"
    parser.add_argument("--checkpoint", default="checkpoints/demo", help=words)


def open_pipeline(checkpoint):
    """The pipeline of a checkpoint, on the GPU where there is one. Raises InputError."""
    pipeline = PoseTransferPipeline.from_pretrained(checkpoint)
    return pipeline.to("cuda" if torch.cuda.is_available() else "cpu")


def photo_and_pose(photo, pose, flag, person=None):
    """The RGB image of a file and the Keypoints of the person in it; with no pose given they are detected.

    flag: that of the pose, for messages. Raises InputError.
    """
    image = read_rgb(photo)
    check_shape(image.size[::-1], photo)
    if pose:
        return image, pose_of(pose, image.size[::-1], person)
    found = pose_detector(flag)(image, photo, person)
    check_pose(found, photo)
    return image, found


def pose_detector(flag):
    """What finds poses in photos. Raises InputError, beginning with `flag`, where it cannot be run."""
    try:
        return PoseDetector(find_model())
    except InputError as error:
        reason = str(error).removeprefix("--detect-pose: ")
        needs = "to detect it takes `bash setup.sh --pose` and a model"
        raise InputError(f"{flag}: expected the photo's pose, got none; {needs} ({reason})") from error


def target_poses(given, size, frames=None):
    """The target poses that are given (see data.given_pose), in frames of one size: the first one's.

    size: (H, W) of the source photo. frames: as many, evenly between them; None: as they are.
    """
    if "" in given:
        raise InputError("--target-pose: expected a file or a name, got nothing")
    poses = [pose for one in given for pose in poses_of(one, size)]
    if frames and len(poses) > 1:
        return frames_between(poses, frames)
    return [placed(pose, poses[0].size) for pose in poses]


def read_photo(path, name):
    """The RGB image of an uploaded file, called `name` in messages. Raises InputError; what is huge is not decoded."""
    if path is None:
        raise InputError(f"{name}: not there yet; upload one")
    try:
        with Image.open(path, formats=FORMATS) as image:
            size = image.size[::-1]
    except FileNotFoundError as error:
        raise InputError(f"{name}: no longer kept here; upload it again") from error
    except Image.DecompressionBombError:
        size = math.inf, math.inf
    except DAMAGE as error:
        raise InputError(f"{name}: expected an image, got a file that is none") from error
    if math.prod(size) > MOST_PIXELS:
        raise InputError(f"{name}: expected up to {MOST_PIXELS / 1e6:g} million pixels, got more")
    check_shape(size, name)
    try:
        return read_rgb(path)
    except InputError as error:
        raise InputError(f"{name}: {str(error).partition(': ')[2]}") from error


def read_mask(path, image, name):
    """The image of a mask, white where it holds, of the size of `image`, which is called `name` in messages."""
    mask = read_rgb(path)
    if mask.size != image.size:
        expected, got = ("{} x {}".format(*each.size) for each in (image, mask))
        raise InputError(f"{path}: expected a mask of {expected} pixels, the size of {name}, got {got}")
    if mask.convert("L").getextrema()[1] == 0:
        raise InputError(f"{path}: expected a mask that is white somewhere, got one that is all black")
    return mask


def garment(pipeline, photo, pose, mask=None):
    """The Other whose clothes are worn: of the white part of a mask, or all of their looks."""
    image, keypoints = photo_and_pose(photo, pose, "--garment-pose")
    white = pipeline.mask(read_mask(mask, image, photo)) if mask else None
    return Other(pipeline.person(image, keypoints), mask=white)


def writable_picture(path):
    """The path of a picture to write, if its ending tells a format. Raises InputError otherwise."""
    if Path(path).suffix.lower() not in PICTURE_FORMATS:
        raise InputError(f"{path}: expected a name that ends in {', '.join(PICTURE_FORMATS)}")
    return Path(path)
