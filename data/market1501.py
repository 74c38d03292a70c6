"""Bring Market-1501, as it is published, into this project's layout.

    python data/market1501.py --root MARKET --out datasets/market1501

MARKET holds bounding_box_train/ and bounding_box_test/, and the keypoints of PATN and others,
market-annotation-train.csv and market-annotation-test.csv. Pairs are those of market-pairs-train.csv and
market-pairs-test.csv (`from,to`) where these are there; else all ordered pairs of annotated photos of one person.
Photos of nobody known (0000 and -1) are left out. Train on it with config/market1501_128x64.yaml.
"""

import collections
import itertools
import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.flags import Parser
from data.keypoint_values import text_of
from data.keypoints import read_csv, write_pidm
from system.errors import InputError, command
from system.files import whole_folder
from system.progress import progress_bar

SIZE = (128, 64)
NOBODY = ("0000", "-1")
SPLITS = ("train", "test")


@command
def main(arguments=None):
    """Run the command line."""
    parser = Parser(__doc__)
    parser.add_argument("--root", required=True, type=Path, help="Market-1501's folder")
    parser.add_argument("--out", required=True, type=Path, help="the data set's root, a new folder")
    options = parser.parse_args(arguments)
    if not options.root.is_dir():
        raise InputError(f"--root {options.root}: expected the folder of Market-1501")
    if options.out.exists():
        raise InputError(f"--out {options.out}: is there already; name a new folder")
    splits = {split: read_split(options.root, split) for split in SPLITS}
    with whole_folder(options.out) as root:
        for split, (keypoints, pairs) in splits.items():
            write_split(root, split, options.root / f"bounding_box_{split}", keypoints, pairs)
            print(f"{split}: {len(named(pairs))} photos, {len(pairs)} pairs")


def read_split(root, split):
    """Name -> Keypoints, and the pairs, all of whose photos are there. Raises InputError."""
    keypoints = read_csv(root / f"market-annotation-{split}.csv", SIZE)
    pairs = pairs_of(root / f"market-pairs-{split}.csv", keypoints)
    for name in named(pairs):
        if Path(name).name != name or not (root / f"bounding_box_{split}" / name).is_file():
            raise InputError(f"{root / f'bounding_box_{split}' / name}: has keypoints, but is not there")
    if not pairs:
        raise InputError(f"{root / f'market-annotation-{split}.csv'}: expected two photos of a person, got none")
    return keypoints, pairs


def named(pairs):
    """The names in pairs, sorted."""
    return sorted(set(itertools.chain(*pairs)))


def pairs_of(path, keypoints):
    """(target, source) names, of a file of rows `from,to`, or all ordered ones of a person where there is no file.

    keypoints: name -> Keypoints of the photos that can be used. Raises InputError, naming file and line.
    """
    if not path.is_file():
        return ordered_pairs(name for name in keypoints if person_of(name) not in NOBODY)
    pairs = []
    for number, line in enumerate(text_of(path).splitlines(), 1):
        if line.strip() and line.strip() != "from,to":
            names = [name.strip() for name in line.split(",")]
            if len(names) != 2 or not set(names) <= keypoints.keys():
                raise InputError(
                    f"{path}:{number}: expected `from,to`, two photos with keypoints, got {line.strip()!r}"
                )
            pairs.append((names[1], names[0]))
    if not pairs:
        raise InputError(f"{path}: expected rows `from,to`, got none")
    return pairs


def ordered_pairs(names):
    """All ordered pairs of different names of one person."""
    people = collections.defaultdict(list)
    for name in names:
        people[person_of(name)].append(name)
    return [pair for group in people.values() for pair in itertools.permutations(group, 2)]


def person_of(name):
    """The number at the beginning of a photo's name: 0002_c1s1_000451_03.jpg -> 0002."""
    match = re.match(r"(-1|\d+)_", name)
    return match[1] if match else NOBODY[0]


def write_split(root, split, photos, keypoints, pairs):
    """The photos of pairs, their keypoints, and the pair file."""

    def place(name):
        return Path(photos.name, person_of(name), name)  # A folder for each person, as in DeepFashion.

    for name in progress_bar(named(pairs), split, unit="photo"):
        image = root / "img" / place(name)
        image.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(photos / name, image)
        write_pidm((root / "pose" / place(name)).with_suffix(".txt"), keypoints[name])
    lines = (f"{'img' / place(target)},{'img' / place(source)}\n" for target, source in pairs)
    (root / f"{split}_pairs.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
