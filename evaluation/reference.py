"""The real images that FID, KID, precision and recall compare with.

Their features can be written once, to one file: python -m evaluation.reference --data ROOT --protocol NAME --out FILE
"""

import dataclasses
import os
from pathlib import Path

from config.flags import Parser, size
from data.pairs import check_images, flat_name, read_pairs
from evaluation.features import inception_features
from evaluation.networks import Inception, NotComputed
from evaluation.pictures import PICTURES
from evaluation.protocols import PROTOCOLS
from evaluation.statistics_file import record, write_statistics
from system.errors import InputError, command
from system.files import writable_folder


@dataclasses.dataclass(frozen=True)
class Reference:
    """Where the real images are: either all of them, or a file of their features."""

    where: Path
    images: tuple[Path, ...] = ()  # Sorted; the first protocol.kept(..) of them are used.
    base: Path = Path()  # The folder or root that the images lie below.
    file: Path | None = None

    @property
    def names(self):
        """Those of the images, below `base`, in their order."""
        return [image.relative_to(self.base).as_posix() for image in self.images]


def find_reference(given, root):
    """The Reference that `given` names: a folder of images, or an .npz file.

    None means the images that ROOT/train.lst lists, or, without one, those of ROOT/train_pairs.txt.
    Raises NotComputed where neither is there, InputError, beginning with the file or folder, where what is there
    cannot be used.
    """
    if given is not None:
        given = Path(given)
        if given.suffix == ".npz" and given.is_file():
            return Reference(given, file=given)
        return Reference(given, _images_of(given), given)
    listed, paired = Path(root) / "train.lst", Path(root) / "train_pairs.txt"
    if listed.is_file():
        return Reference(listed, _listed_images(listed, root), Path(root))
    if paired.is_file():
        return Reference(paired, _paired_images(root), Path(root))
    raise NotComputed(f"no real images to compare with: {listed} and {paired} are not there, and none are given")


def _images_of(folder):
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of images or an .npz file of statistics, got neither")
    images = _images_below(folder)
    if not images:
        raise InputError(f"{folder}: expected a folder of images, got one without any")
    return tuple(images)


def _images_below(folder):
    """The image files below a folder, sorted. Links are followed, into each folder once; hidden ones are left alone."""
    images, seen = [], set()
    for where, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        place = os.path.realpath(where)
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        images += [Path(where, name) for name in files if not name.startswith(".") and _is_image(Path(where, name))]
    return sorted(images)


def _is_image(path):
    if not path.exists():
        raise InputError(f"{path}: expected an image or a folder, got a link to what is not there")
    return path.suffix.lower() in PICTURES and path.is_file()


def _refuse(error):
    raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error


def _listed_images(file, root):
    """The images of train.lst: a line is a path below the root, `img/..`, or what flat_name makes of one."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: expected a text file with an image's name in each line") from error
    named = [(f"{file}:{number}", line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not named:
        raise InputError(f"{file}: expected an image's name in each line, got an empty file")
    flat = {} if all(name.startswith("img/") for _, name in named) else _flat_names(root)
    lines = {}
    for where, name in named:
        image = _named_image(name, flat, root, where)
        if image in lines:
            raise InputError(f"{where}: {name} stands in line {lines[image]} already")
        lines[image] = where.rpartition(":")[2]
    return _sorted(lines, root)


def _named_image(name, flat, root, where):
    """The image below the root that a line of train.lst names. flat: as `_flat_names` makes it."""
    found = [name] if name.startswith("img/") else flat.get(Path(name).stem, [])
    if not found:
        raise InputError(f"{where}: no image below {Path(root) / 'img'} has the name {name!r}")
    if len(found) > 1:
        raise InputError(f"{where}: {name} may be {found[0]} or {found[1]}")
    image = Path(found[0]).as_posix()  # Without doubled slashes and dots, so that one image has one name.
    if ".." in image or not (Path(root) / image).is_file():
        raise InputError(f"{where}: {name} is not there, below {root}")
    return image


def _flat_names(root):
    """Lists of the images below ROOT/img by their names as one word."""
    names = {}
    for path in _images_below(Path(root) / "img"):
        image = path.relative_to(root).as_posix()
        names.setdefault(flat_name(image), []).append(image)
    return names


def _paired_images(root):
    pairs = read_pairs(root, "train")
    check_images(pairs, lambda image: (Path(root) / image).is_file(), f"is not there, below {root}")
    return _sorted({image for pair in pairs for image in (pair.target, *pair.sources)}, root)


def _sorted(images, root):
    """In order of their names as one word, as the generated pictures are."""
    return tuple(Path(root) / image for image in sorted(images, key=lambda image: (flat_name(image), image)))


@command
def main(arguments=None):
    """Run the command line."""
    options = _parser().parse_args(arguments)
    protocol = PROTOCOLS[options.protocol]
    shape = _picture_size(options.size, protocol)
    out = Path(options.out)
    _make_room(out)
    found = _given("--data", find_reference, options.images, options.data)
    network = _given("--weights", Inception, protocol.inception, options.weights)
    used = found.images[: protocol.kept(len(found.images))]
    if len(used) < 2:
        raise InputError(f"{found.where}: expected two images or more in a folder or list, got {len(used)}")
    features = inception_features(used, protocol, shape, options.cache, network)
    write_statistics(out, features, record(protocol, shape, network, found.names, len(used)))
    print(f"{len(used)} of {len(found.images)} images of {found.where}, for protocol {protocol.name}; saved in {out}")


def _parser():
    parser = Parser(__doc__, prog="python -m evaluation.reference")
    images = parser.add_mutually_exclusive_group(required=True)
    images.add_argument("--data", metavar="ROOT", help="holds img/ and train.lst or train_pairs.txt")
    images.add_argument("--images", metavar="DIR", help="a folder of images instead")
    parser.add_argument("--protocol", required=True, choices=list(PROTOCOLS), help="what the file is for")
    parser.add_argument("--out", required=True, metavar="FILE.npz", help="the file to write")
    parser.add_argument("--weights", metavar="DIR", help="holds Inception's weights; torch's cache if not given")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keeps the features for the next time")
    parser.add_argument("--size", type=size("--size"), metavar="HxW", help="of the pictures, if the protocol has none")
    return parser


def _given(flag, function, *arguments):
    try:
        return function(*arguments)
    except NotComputed as error:
        raise InputError(f"{flag}: {error}") from error


def _picture_size(given, protocol):
    own = protocol.pictures.size
    if own is not None and given not in (None, own):
        raise InputError(f"--size: protocol {protocol.name} has pictures of {own[0]} x {own[1]}, none of another size")
    if own is None and given is None:
        raise InputError(f"--size: required: pictures of protocol {protocol.name} have the generated ones' size")
    return own or given


def _make_room(out):
    """Find out before the long work whether `out` can be written."""
    if out.suffix != ".npz" or out.is_dir():
        raise InputError(f"--out: expected a file to write whose name ends in .npz, got {str(out)!r}")
    writable_folder(out.parent)


if __name__ == "__main__":
    main()
