"""Writing files that are either whole or not there, and finding out whether they still are."""

import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import psutil

from system.errors import InputError

SUMS_FILE = "SHA256SUMS"


def write_whole(path, write):
    """Have `write(file)` fill a new file, which takes the name `path` when all of it is on the disk.

    Raises InputError, beginning with the path, where that fails; what stood there before then stands there still.
    """
    path = Path(path)
    # In a folder of its own, for what a writer leaves beside its file.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
            if not _runs(leftover.name.split(".")[-2]):
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


def write_text(path, text):
    """`write_whole` of text, in UTF-8."""
    write_whole(path, lambda file: file.write(text.encode()))


def _runs(process):
    """Whether the process of a number, other than this one, runs: a killed one left what it wrote."""
    try:
        return int(process) != os.getpid() and psutil.Process(int(process)).status() != psutil.STATUS_ZOMBIE
    except (ValueError, psutil.NoSuchProcess):
        return False


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
        for part in [*partial.rglob("*"), partial]:
            _sync(part)
        os.replace(partial, final)
        _sync(final.parent)
    except (OSError, InputError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error  # Without the path of a file within.
        raise InputError(f"{path}: could not be written ({getattr(cause, 'strerror', None) or cause})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def writable_folder(path):
    """Make a folder if need be. Raises InputError, beginning with the path, where that or writing into it fails."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(f"{path}: expected a folder that can be written ({error.strerror})") from error


def lock(path):
    """Hold the file `path` locked, making it if need be: a file to keep open, or None if another process holds it.

    The lock goes with the process, however it ends.
    """
    file = open(path, "w")  # noqa: SIM115 (it is the caller's)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def write_sums(folder):
    """Write SHA256SUMS into a folder, a line "SHA-256  NAME" for each file below it: `sha256sum --check` reads it."""
    lines = [f"{sha256_of(Path(folder) / name)}  {name}\n" for name in _files(folder)]
    (Path(folder) / SUMS_FILE).write_text("".join(lines))


def damage(folder, names=None):
    """What is wrong with the files that a folder's SHA256SUMS lists, or only with `names`; None if nothing is."""
    try:
        sums = dict(line.split("  ", 1)[::-1] for line in (Path(folder) / SUMS_FILE).read_text().splitlines())
    except (OSError, ValueError):
        return f"{SUMS_FILE} is missing or damaged"
    for name in {*sums, *_files(folder)} if names is None else names:
        path = Path(folder) / name
        if not path.is_file():
            return f"{name} is missing"
        if name not in sums:
            return f"{SUMS_FILE} does not list {name}"
        try:
            if sha256_of(path) != sums[name]:
                return f"{name} is damaged"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
    return None


def _files(folder):
    """Names of the files below a folder, without that of the checksums."""
    paths = [path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file()]
    return sorted(str(path) for path in paths if str(path) != SUMS_FILE)


def sha256_of(path):
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
