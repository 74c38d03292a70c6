"""Find the pictures that belong to the test pairs."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from data.pairs import Pair, check_images, check_keypoints, read_pairs, result_name
from evaluation.pictures import PICTURES
from system.errors import InputError, printable

SETTINGS_FILE = "settings.json"  # Beside pictures that test.py drew: how.
SUFFIXES = (".png", ".jpg", ".jpeg")  # Of results.


class Result(NamedTuple):
    """The image files of one test pair."""

    name: str  # Of the pair's result, without a suffix: the same for every method.
    generated: Path
    target: Path
    source: Path
    target_image: str  # Below the root, as the pair file has it.
    source_image: str


def find_results(generated, root, limit=None, masked=False):
    """The Results of the first `limit` (None: all) pairs of ROOT/test_pairs.txt, one for each source, by name.

    masked: whether the targets' keypoints are needed too.
    Raises InputError where a folder, a result, a photo or keypoints of any of these pairs are missing, where a pair has
    two files or its name is not its own, and where the folder holds a picture that belongs to no pair of the file.
    """
    generated, root = Path(generated), Path(root)
    pairs = _pairs_by_name(root)
    files = _pictures(generated)
    chosen = dict(sorted(itertools.islice(pairs.items(), limit)))
    check_images(chosen.values(), lambda image: (root / image).is_file(), f"is not there, below {root}")
    if masked:
        check_keypoints([replace(pair, sources=()) for pair in chosen.values()], root)
    missing = [name for name in chosen if name not in files]
    if missing:
        raise InputError(
            f"{generated / missing[0]}.png: no such file; {len(missing)} of {len(chosen)} results are missing"
        )
    _refuse_strays(generated, files, pairs)
    return [
        Result(name, generated / files[name], root / pair.target, root / pair.sources[0], pair.target, pair.sources[0])
        for name, pair in chosen.items()
    ]


def are_crops(folder):
    """Whether the note that test.py leaves beside pictures says that they show cropped photos."""
    try:
        return json.loads((Path(folder) / SETTINGS_FILE).read_text(encoding="utf-8")).get("resize") == "crop"
    except (OSError, ValueError, AttributeError, RecursionError):
        return False  # Pictures of another program.


def copied_source(results):
    """Results whose generated pictures are the source photos: what doing nothing gives."""
    return [result._replace(generated=result.source) for result in results]


def distinct_names(folders):
    """{short name: folder} for folders: as much of the end of each path as tells them apart.

    Raises InputError where a folder is given twice.
    """
    paths = [Path(folder).resolve() for folder in folders]
    for n, path in enumerate(paths):
        if path in paths[:n]:
            raise InputError(f"{folders[n]}: given twice")
    longest = max(len(path.parts) for path in paths)
    ends = (["/".join(path.parts[-length:]) for path in paths] for length in range(1, longest + 1))
    names = next(names for names in ends if len(set(names)) == len(names))
    return dict(zip(names, map(Path, folders), strict=True))


def _pairs_by_name(root):
    """{result's name without suffix: Pair of one source}, in the order of the pair file."""
    pairs = {}
    for line in read_pairs(root, "test"):
        for source in line.sources:
            pair, name = Pair(line.target, (source,), line.where), Path(result_name(source, line.target)).stem
            if name in pairs:
                fault = "is the same pair" if pairs[name] == pair else f"would give {name}, the same name"
                raise InputError(f"{pair.where}: {source} -> {pair.target} {fault} as in {pairs[name].where}")
            pairs[name] = pair
    return pairs


def _pictures(folder):
    """{name without suffix: file name} of the pictures in a folder. Hidden files and others are left alone."""
    if not folder.is_dir():
        raise InputError(f"{folder}: expected the folder of generated pictures, got no such folder")
    if not any(folder.iterdir()):
        raise InputError(f"{folder}: expected the generated pictures, got an empty folder")
    files = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() not in PICTURES or not path.is_file():
            continue
        key = path.stem if path.suffix.lower() in SUFFIXES else path.name
        if key in files:
            raise InputError(f"{path}: shows the same pair as {files[key]}; expected one picture of each pair")
        files[key] = path.name
    return files


def _refuse_strays(folder, files, pairs):
    strays = [name for key, name in files.items() if key not in pairs]
    if strays:
        others = f", nor do {len(strays) - 1} others" if len(strays) > 1 else ""
        raise InputError(f"{folder / printable(strays[0])}: belongs to no pair of test_pairs.txt{others}")
