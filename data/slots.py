"""Shared memory that carries batches from one process to another, and is used again for the next ones."""

import mmap
import os
import tempfile
from multiprocessing.reduction import DupFd
from typing import NamedTuple

import torch

_ALIGNED = 64  # Bytes; tensors begin at multiples of it.


class Slot:
    """Memory for one batch, which a process fills while another one has no business with what it holds.

    It grows to the largest batch so far. Each process maps it once, and again where it has grown. It is a file without
    a name, so it goes when the last process that has it ends, however that does.
    """

    def __init__(self, descriptor=None):
        """`descriptor` is that of the file of another process's slot; a new one is made otherwise."""
        self._file = os.fdopen(_unnamed_file() if descriptor is None else descriptor, "r+b", buffering=0)
        self._bytes = torch.empty(0, dtype=torch.uint8)
        self._end = 0

    def __reduce__(self):
        return _sent, (DupFd(self._file.fileno()),)

    def close(self):
        """Take in no more. The memory goes with this object."""
        self._file.close()

    def clear(self):
        """Begin with another batch."""
        self._end = 0

    def stack(self, tensors):
        """Does what torch.stack does, into the next free place here, and returns that place."""
        first = tensors[0]
        place = _Place(self._end, (len(tensors), *first.shape), first.dtype, len(tensors) * first.nbytes)
        torch.stack(tensors, out=self._view(place))
        self._end += -(-place.size // _ALIGNED) * _ALIGNED
        return place

    def copied(self, batch, pin):
        """The batch with a tensor of its own for each place, in pinned memory if `pin`; all else stays as it is."""
        return {name: self._copy(value, pin) if isinstance(value, _Place) else value for name, value in batch.items()}

    def _copy(self, place, pin):
        view = self._view(place)
        return torch.empty_like(view, pin_memory=pin).copy_(view)

    def _view(self, place):
        end = place.start + place.size
        if end > len(self._bytes):
            self._grow(end)
            self._bytes = torch.frombuffer(mmap.mmap(self._file.fileno(), end), dtype=torch.uint8)
        return self._bytes[place.start : end].view(place.dtype).view(place.shape)

    def _grow(self, size):
        if os.fstat(self._file.fileno()).st_size >= size:
            return  # By the process at the other end.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._file.fileno(), 0, size)  # Raises where memory is short; writing would be fatal.
        else:
            self._file.truncate(size)


class _Place(NamedTuple):
    """Where a tensor lies in a slot. `start` and `size` are in bytes."""

    start: int
    shape: tuple
    dtype: torch.dtype
    size: int


def _unnamed_file():
    """The descriptor of a new file without a name: in memory where the system has such files, else a temporary one."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("batch")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _sent(descriptor):
    return Slot(descriptor.detach())
