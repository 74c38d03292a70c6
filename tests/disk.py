"""A full disk, as far as a process can make one."""

import contextlib
import resource


@contextlib.contextmanager
def files_end_at(size):
    """Let no file of this process grow beyond `size` bytes: writing more fails as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
