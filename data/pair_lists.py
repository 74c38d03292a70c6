"""Pair lists as other projects publish them: CSV of rows `from,to`, and JSON lists of source_image and target_image.

Their images are called by paths, or by paths as one word: `fashionWOMENDressesid0000000202_1front.jpg`, with or without
an ending, for img/WOMEN/Dresses/id_00000002/02_1_front.jpg.
"""

import csv
from pathlib import Path, PurePosixPath

from data.images import ENDINGS
from data.keypoint_values import parsed, text_of
from system.errors import InputError


def read_list(path, root, flat_name):
    """(target, source, where) of each row of a list, the images as paths below root; `where` is FILE:ROW.

    flat_name: from a path to the one word. Raises InputError, naming file and row.
    """
    rows = _json_rows(path) if Path(path).suffix == ".json" else _csv_rows(path)
    images = _Images(root, flat_name)
    return [(images.find(target, where), images.find(source, where), where) for source, target, where in rows]


def _csv_rows(path):
    rows = list(csv.reader(text_of(path).splitlines()))
    if not rows or [field.strip() for field in rows[0]] != ["from", "to"]:
        raise InputError(
            f"{path}:1: expected the heading `from,to`, got {','.join(rows[0])[:60] if rows else 'nothing'!r}"
        )
    found = [(row, f"{path}:{number}") for number, row in enumerate(rows[1:], 2) if row]
    for row, where in found:
        if len(row) != 2:
            raise InputError(f"{where}: expected two images, got {len(row)}")
    return [(row[0].strip(), row[1].strip(), where) for row, where in found]


def _json_rows(path):
    rows = parsed(path, text_of(path))
    if not isinstance(rows, list):
        raise InputError(f"{path}: expected a list of objects with source_image and target_image")
    found = []
    for number, row in enumerate(rows):
        names = [row.get(key) if isinstance(row, dict) else None for key in ("source_image", "target_image")]
        if not all(isinstance(name, str) and name for name in names):
            raise InputError(f"{path}: [{number}]: expected source_image and target_image")
        found.append((*names, f"{path}: [{number}]"))
    return found


class _Images:
    """Finds the images below a root by what lists call them."""

    def __init__(self, root, flat_name):
        self.root = Path(root)
        paths = (path for path in (self.root / "img").rglob("*") if path.suffix.lower() in ENDINGS)
        names = sorted(path.relative_to(self.root).as_posix() for path in paths)
        self.known = set(names)
        self.by_word = {}
        for name in names:
            self.by_word.setdefault(flat_name(name), []).append(name)

    def find(self, name, where):
        """The path below the root of an image that a list calls `name`."""
        for path in (name, f"img/{name}"):
            if path in self.known:
                return path
        path = PurePosixPath(name)
        word = path.stem if path.suffix.lower() in ENDINGS else path.name
        found = self.by_word.get(word, [])
        if len(found) != 1:
            raise InputError(f"{where}: {name} is the name of {len(found)} images below {self.root}/img, expected one")
        return found[0]
