"""The image data base: one LMDB folder HEIGHT-WIDTH per size.

A key is an image's path ending in `.png`, its value the PNG file of the RGB image squeezed to that size. The key
`length` holds the number of images in five digits and is written last.
"""

import contextlib
import os
import re
import shutil
import weakref
from pathlib import Path

import lmdb

from config.errors import InputError
from data.files import lock, write_whole
from data.images import DAMAGE, decode_png

LENGTH_KEY = b"length"
LEFT_OUT = "left_out.txt"  # Beside the data base: keys of the images that could not be read.
_READER_MAP = 1 << 40  # Address space only; room for images that another process adds.
_EMPTY = 8192  # Bytes of an LMDB without entries; a smaller file was cut off as it was made.
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
        if self._pid != os.getpid():
            if self._environment is not None:
                self._environment.close()  # Inherited through a fork: of no use here, and in the way of a new one.
            self._environment = _shared_environment(self.path.resolve())
            self._pid = os.getpid()
        return self._environment


def _shared_environment(path):
    key = (path, os.getpid())
    if (environment := _environments.get(key)) is None:
        try:
            environment = lmdb.open(str(path), readonly=True, lock=False, readahead=False, map_size=_READER_MAP)
        except lmdb.Error as error:
            raise InputError(f"{path}: expected an image data base, which this is not ({error})") from error
        whole = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        if (path / "data.mdb").stat().st_size < whole - _UNWRITTEN:  # Reading past its end would kill the process.
            raise InputError(f"{path}: expected a whole data base of {whole} bytes, which was cut off")
        _environments[key] = environment
    return environment


def _nothing_there(folder, path, size):
    height, width = size
    names = [data.parent.name for data in folder.glob("*/data.mdb")]
    others = sorted(name for name in names if re.fullmatch(r"\d+-\d+", name))
    found = f"{folder} holds {', '.join(others)}, " if others else ""
    return (
        f"{path}: {found}expected a data base of {height}x{width} images (model.image_size), made by"
        f" `python data/prepare_data.py --root ROOT --out {folder} --size {height}x{width}`"
    )


class StoreWriter:
    """Makes, or adds to, the data base of images of `size` (H, W) below `folder`; use it in a `with` statement.

    Images go to HEIGHT-WIDTH.partial, a transaction at a time, and `finish` puts that in its place in one step: what
    bears the final name is always whole, and a run that died is taken up where it was. While a data base is added to,
    the old one stays in use (and takes its room). Raises InputError, beginning with `folder`, where writing fails.
    """

    def __init__(self, folder, size, capacity):
        """`capacity` is the number of images that may have to be written."""
        self.folder = Path(folder)
        self.path = self.folder / folder_name(size)
        self.partial = self.folder / f"{folder_name(size)}.partial"
        self._data, self._partial_data = self.path / "data.mdb", self.partial / "data.mdb"
        self._room = capacity * (size[0] * (3 * size[1] + 1) * 21 // 20 + 8192) + (64 << 20)  # PNG at its worst.
        self._environment = None

    def __enter__(self):
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = lock(self.folder / f".{self.path.name}.lock")
            if self._lock is None:
                raise InputError(f"{self.folder}: expected no other run to be writing {self.path.name} there")
            if self.partial.exists() and not self._begun():
                shutil.rmtree(self.partial)  # The last run ended between two steps.
        return self

    def __exit__(self, *_):
        self._close()
        self._lock.close()

    def keys(self):
        """(keys, whole): the images that need not be written again; whether they are a finished data base."""
        self._close()
        data = self._partial_data if self._begun() else self._data
        if not data.exists():
            return set(), False
        environment = _shared_environment(data.parent.resolve())
        with environment.begin() as transaction:
            keys = {key.decode() for key in transaction.cursor().iternext(values=False)}
        return keys - {LENGTH_KEY.decode()}, data == self._data and LENGTH_KEY.decode() in keys

    def write(self, images):
        """Store (key, PNG bytes) pairs, all or none of them."""
        if not images:
            return
        with self._writing():
            self._open()
            with self._environment.begin(write=True) as transaction:
                for key, value in images:
                    transaction.put(key.encode(), value)

    def finish(self, left_out=()):
        """Write the count and the keys of images left out, and give the data base its final name."""
        with self._writing():
            self._open()
            with self._environment.begin(write=True) as transaction:
                transaction.delete(LENGTH_KEY)
                transaction.put(LENGTH_KEY, b"%05d" % transaction.stat()["entries"])
            self._close()
            self._note(left_out)
            if self._data.exists():
                os.replace(self._partial_data, self._data)
                shutil.rmtree(self.partial)
            else:
                os.rename(self.partial, self.path)

    def _note(self, left_out):
        note = (self.path if self._data.exists() else self.partial) / LEFT_OUT
        if left_out:
            write_whole(note, lambda file: file.write("".join(f"{key}\n" for key in left_out).encode()))
        else:
            note.unlink(missing_ok=True)

    def _begun(self):
        return self._partial_data.exists() and self._partial_data.stat().st_size >= _EMPTY

    def _open(self):
        if self._environment is not None:
            return
        self.partial.mkdir(exist_ok=True)
        if self._data.exists() and not self._begun():
            copy = self.partial / "data.copy"
            shutil.copyfile(self._data, copy)
            os.replace(copy, self._partial_data)
        room = self._room + (self._partial_data.stat().st_size if self._begun() else 0)
        self._environment = lmdb.open(str(self.partial), lock=False, map_size=room)

    def _close(self):
        if self._environment is not None:
            self._environment.close()
            self._environment = None

    @contextlib.contextmanager
    def _writing(self):
        try:
            yield
        except (lmdb.Error, OSError) as error:
            free = f"; {shutil.disk_usage(self.folder).free >> 20} MiB free there" if self.folder.exists() else ""
            raise InputError(
                f"{self.folder}: could not be written ({error}{free}); when that is mended, run the same command again"
                " and it goes on from what was written"
            ) from error
