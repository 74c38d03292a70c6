"""Writing files that are either whole or not there."""

import contextlib
import glob
import os
import shutil
from pathlib import Path

from config.errors import InputError


def write_whole(path, write):
    """Have `write(file)` fill a new file, which takes the name `path` when all of it is on the disk.

    Raises InputError, beginning with the path, where that fails; what stood there before then stands there still.
    """
    path = Path(path)
    # In a folder of its own, for what a writer leaves beside its file.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):  # Of a process that was killed.
            shutil.rmtree(leftover, ignore_errors=True)
        partial.mkdir(parents=True)
        with open(partial / path.name, "wb") as file:
            write(file)
            file.flush()
            os.chmod(file.name, os.fstat(file.fileno()).st_mode)  # Some writers put a file of their own in its place.
        _sync(partial / path.name)
        os.replace(partial / path.name, path)
    except OSError as error:
        raise InputError(f"{path}: could not be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def whole_folder(path):
    """A folder to fill in a `with` block, which takes the name `path` when the block is through and all is on the disk.

    Raises InputError, beginning with the path, where writing fails or something of that name is in the way.
    """
    final = Path(os.path.abspath(path))
    partial = final.with_name(f".{final.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)  # Of a process that was killed.
        partial.mkdir(parents=True)
        yield partial
        for part in [*partial.iterdir(), partial]:
            _sync(part)
        os.replace(partial, final)
        _sync(final.parent)
    except (OSError, InputError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error  # Without the path of a file within.
        raise InputError(f"{path}: could not be written ({getattr(cause, 'strerror', None) or cause})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
