"""Writing the image data base of data.store, so that what bears its name is always whole."""

import contextlib
import os
import shutil
from pathlib import Path

import lmdb

from data.store import LEFT_OUT, LENGTH_KEY, RESIZE_KEY, folder_name, resize_in, shared_environment
from system.errors import InputError
from system.files import lock, write_text

EMPTY = 8192  # Bytes of an LMDB without entries; a smaller file was cut off as it was made.


class StoreWriter:
    """Makes, or adds to, the data base of images of `size` (H, W) below `folder`; use it in a `with` statement.

    Images go to HEIGHT-WIDTH.partial, a transaction at a time, and `finish` puts that in its place in one step: what
    bears the final name is always whole, and a run that died is taken up where it was. While a data base is added to,
    the old one stays in use (and takes its room). Raises InputError, beginning with `folder`, where writing fails.
    """

    def __init__(self, folder, size, capacity, resize="squeeze"):
        """`capacity` is the number of images that may have to be written; `resize` how photos become such images."""
        self.folder, self.resize = Path(folder), resize
        self.path = self.folder / folder_name(size)
        self.partial = self.folder / f"{folder_name(size)}.partial"
        self._data, self._partial_data = self.path / "data.mdb", self.partial / "data.mdb"
        self._room = capacity * (size[0] * (3 * size[1] + 1) * 21 // 20 + 8192) + (64 << 20)  # PNG at its worst.
        self._environment = None

    def __enter__(self):
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            held = lock(self.folder / f".{self.path.name}.lock")
            if held is None:
                raise InputError(f"{self.folder}: expected no other run to be writing {self.path.name} there")
            self._lock = held
            if self.partial.exists() and not self._begun():
                shutil.rmtree(self.partial)  # The last run ended between two steps.
        try:
            self._refuse_another_resize()
        except InputError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._close()
        self._lock.close()

    def keys(self):
        """(keys, whole): the images that need not be written again; whether they are a finished data base."""
        environment = self._there()
        if environment is None:
            return set(), False
        with environment.begin() as transaction:
            keys = {key.decode() for key in transaction.cursor().iternext(values=False)}
        whole = not self._begun() and LENGTH_KEY.decode() in keys
        return keys - {LENGTH_KEY.decode(), RESIZE_KEY.decode()}, whole

    def write(self, images):
        """Store (key, PNG bytes) pairs, all or none of them."""
        if not images:
            return
        with self._writing(), self._open().begin(write=True) as transaction:
            for key, value in images:
                transaction.put(key.encode(), value)

    def finish(self, left_out=()):
        """Write the count and the keys of images left out, and give the data base its final name."""
        with self._writing():
            with self._open().begin(write=True) as transaction:
                transaction.delete(LENGTH_KEY)
                records = 0 if self.resize == "squeeze" else 1
                transaction.put(LENGTH_KEY, b"%05d" % (transaction.stat()["entries"] - records))
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
            write_text(note, "".join(f"{key}\n" for key in left_out))
        else:
            note.unlink(missing_ok=True)

    def _there(self):
        """What has been written so far, to be read; None where there is nothing."""
        self._close()
        data = self._partial_data if self._begun() else self._data
        return shared_environment(data.parent) if data.exists() else None

    def _refuse_another_resize(self):
        environment = self._there()
        if environment is None or not environment.stat()["entries"]:
            return
        if (found := resize_in(environment)) != self.resize:
            raise InputError(f"--resize {self.resize}: {self.path} holds images made by {found}; name another --out")

    def _begun(self):
        return self._partial_data.exists() and self._partial_data.stat().st_size >= EMPTY

    def _open(self):
        """What is being written."""
        if self._environment is not None:
            return self._environment
        self.partial.mkdir(exist_ok=True)
        if self._data.exists() and not self._begun():
            copy = self.partial / "data.copy"
            shutil.copyfile(self._data, copy)
            os.replace(copy, self._partial_data)
        room = self._room + (self._partial_data.stat().st_size if self._begun() else 0)
        self._environment = lmdb.open(str(self.partial), lock=False, map_size=room)
        if self.resize != "squeeze":
            with self._environment.begin(write=True) as transaction:
                transaction.put(RESIZE_KEY, self.resize.encode())
        return self._environment

    def _close(self):
        if self._environment is not None:
            self._environment.close()
            self._environment = None

    @contextlib.contextmanager
    def _writing(self):
        try:
            yield
        except (lmdb.Error, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            free = f"; {shutil.disk_usage(self.folder).free >> 20} MiB free there" if self.folder.exists() else ""
            raise InputError(
                f"{self.folder}: could not be written ({reason}{free}); when that is mended, run the same command again"
                " and it goes on from what was written"
            ) from error
