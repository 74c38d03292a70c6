"""Where the keypoints of photos come from: a folder of files, one file for all, or the photos themselves."""

import collections
from pathlib import PurePosixPath

from data.detect_pose import PoseDetector, find_model
from data.keypoints import read
from system.errors import InputError


def keypoint_source(options):
    """keypoints(name, image) -> the Keypoints of a photo, which raises InputError where there are none.

    options: `keypoints`, a folder or a file, or None for `detect_pose`, a path or ""; `person`; `form`. See
    data/import_dataset.py.
    """
    if options.keypoints is None:
        detect = PoseDetector(find_model(options.detect_pose))
        return lambda name, image: detect(image, name, options.person)
    if options.keypoints.is_dir():
        return lambda name, image: _single(options, _file_of(options.keypoints, name), image.size[::-1])
    table = read(options.keypoints, None, options.person, options.form)
    if "" in table:
        raise InputError(f"--keypoints {options.keypoints}: expected a folder or a table; this is of one picture")
    by_last = collections.defaultdict(list)
    for key in table:
        by_last[PurePosixPath(key).name].append(key)

    def look_up(name, _image):
        keys = [name] if name in table else by_last.get(PurePosixPath(name).name, [])
        if len(keys) != 1:
            raise InputError(f"{name}: expected one row in {options.keypoints}, got {len(keys)}")
        return table[keys[0]]

    return look_up


def _single(options, path, size):
    (found,) = read(path, size, options.person, options.form).values()
    return found


def _file_of(folder, name):
    base = folder / PurePosixPath(name).with_suffix("")
    for ending in (".json", "_keypoints.json", ".txt"):
        if (path := base.with_name(base.name + ending)).is_file():
            return path
    raise InputError(f"{name}: expected a keypoint file {base}.json, {base}_keypoints.json or {base}.txt")
