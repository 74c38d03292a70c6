"""Full disks."""

import contextlib
import os
import resource
import shutil


@contextlib.contextmanager
def files_end_at(size):
    """Let no file of this process grow beyond `size` bytes: writing more fails as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def fill_up(folder):
    """Leave no byte free on the file system of a folder. The path of the file to delete for room."""
    path = folder / "filler"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    for size in (1 << 20, 4096):
        with contextlib.suppress(OSError):
            while True:
                os.write(descriptor, bytes(size))
    os.close(descriptor)
    assert shutil.disk_usage(folder).free == 0
    return path
