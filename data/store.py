"""The image data base: one LMDB folder HEIGHT-WIDTH per size.

A key is an image's path ending in `.png`, its value the PNG file of the RGB image squeezed to that size. The key
`length` holds the number of images in five digits and is written last. Where photos are brought to that size in another
way (see data.resize), the key `resize` holds its name, and each PNG file says in its text `photo` how large the photo
was, as HEIGHTxWIDTH.
"""

import os
import re
import weakref
from pathlib import Path

import lmdb

from data.images import DAMAGE, decode_png
from system.errors import InputError

LENGTH_KEY, RESIZE_KEY = b"length", b"resize"
PHOTO_TEXT = "photo"  # Of a PNG file.
LEFT_OUT = "left_out.txt"  # Beside the data base: keys of the images that could not be read.
_READER_MAP = 1 << 40  # Address space only; room for images that another process adds.
_UNWRITTEN = 1 << 16  # Bytes at the end that LMDB may have given up before it wrote them.
_environments = weakref.WeakValueDictionary()  # A process may open a folder once; its stores share that.


class DamagedImage(InputError):  # noqa: N818
    """An image of the data base cannot be read, or is not of its size. Others may be."""


def folder_name(size):
    """Name of the folder that holds images of `size` (H, W), such as `256-256`."""
    return f"{size[0]}-{size[1]}"


class ImageStore:
    """Reads images of `size` (H, W) from the folder HEIGHT-WIDTH below `folder`.

    It opens the data base when first asked, in each process anew, so it may be pickled and may cross a fork.
    Raises InputError where there is no data base of that size.
    """

    def __init__(self, folder, size):
        self.path = Path(folder) / folder_name(size)
        self.size = tuple(size)
        self._environment = self._pid = None
        if not (self.path / "data.mdb").is_file():
            raise InputError(_nothing_there(Path(folder), self.path, self.size))

    def __contains__(self, key):
        try:
            return self._value(key, buffers=True) is not None
        except DamagedImage:
            return True  # It is there, if of no use: `read` will say so.

    def resize(self):
        """How photos were brought to its size: one of config.checks.RESIZES."""
        return resize_in(self._open())

    def left_out(self):
        """Keys of the images that the data base was made without, because they could not be read."""
        path = self.path / LEFT_OUT
        return set(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else set()

    def read(self, key):
        """The RGB image stored under `key`.

        Raises InputError where there is none, and DamagedImage where it cannot be read or is of another size.
        """
        value = self._value(key)
        if value is None:
            raise InputError(f"{self.path}: expected the key {key}, which is not in this data base")
        image = self._decode(key, value)
        if image.size[::-1] != self.size:
            (height, width), (wanted_height, wanted_width) = image.size[::-1], self.size
            raise DamagedImage(
                f"{self.path}: holds images of {height}x{width} ({key}), but model.image_size asks for"
                f" {wanted_height}x{wanted_width}"
            )
        return image

    def photo_size(self, key, image):
        """(H, W) of the photo that an image, read under `key`, was made of. Raises DamagedImage for one untold."""
        match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", image.info.get(PHOTO_TEXT, ""))
        if not match:
            raise DamagedImage(f"{self.path}: expected the size of the photo in the text of {key}")
        return int(match[1]), int(match[2])

    def _value(self, key, buffers=False):
        try:
            with self._open().begin(buffers=buffers) as transaction:
                return transaction.get(key.encode())
        except lmdb.Error as error:
            raise DamagedImage(f"{self.path}: expected a readable record under the key {key} ({error})") from error

    def _decode(self, key, value):
        try:
            return decode_png(value)
        except DAMAGE as error:
            raise DamagedImage(f"{self.path}: expected a PNG image under the key {key} ({error})") from error

    def __getstate__(self):
        return {**self.__dict__, "_environment": None, "_pid": None}

    def _open(self):
        if self._environment is None or self._pid != os.getpid():
            if self._environment is not None:
                self._environment.close()  # Inherited through a fork: of no use here, and in the way of a new one.
            self._environment = shared_environment(self.path)
            self._pid = os.getpid()
        return self._environment


def shared_environment(path):
    """The data base of a folder, opened to be read. Raises InputError where it is none, or is cut off."""
    key = (path.resolve(), os.getpid())
    if (environment := _environments.get(key)) is None:
        try:
            environment = lmdb.open(str(path), readonly=True, lock=False, readahead=False, map_size=_READER_MAP)
        except lmdb.Error as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise InputError(f"{path}: expected an image data base, which this is not ({reason})") from error
        whole = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        if (path / "data.mdb").stat().st_size < whole - _UNWRITTEN:  # Reading past its end would kill the process.
            raise InputError(f"{path}: expected a whole data base of {whole} bytes, which was cut off")
        _environments[key] = environment
    return environment


def resize_in(environment):
    """How the photos of an open data base were brought to its size."""
    with environment.begin() as transaction:
        return transaction.get(RESIZE_KEY, b"squeeze").decode("ascii", "replace")


def _nothing_there(folder, path, size):
    height, width = size
    names = [data.parent.name for data in folder.glob("*/data.mdb")]
    others = sorted(name for name in names if re.fullmatch(r"\d+-\d+", name))
    found = f"{folder} holds {', '.join(others)}, " if others else ""
    return (
        f"{path}: {found}expected a data base of {height}x{width} images (model.image_size), made by"
        f" `python data/prepare_data.py --root ROOT --out {folder} --size {height}x{width}`"
    )
