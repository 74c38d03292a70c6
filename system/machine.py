"""How the machine is used: its cores and its memory."""

import contextlib
import ctypes
import math
import os
import platform
import resource
import sys
from pathlib import Path

import torch

QUOTAS = ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # Of glibc's mallopt.


def usable_cores():
    """Cores that this process may use: of the machine, of its affinity mask, and of its container's share."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(cores, _quota())))


def _quota():
    """The container's share of the cores, such as 2.0; infinite where it has no limit."""
    for path in map(Path, QUOTAS):
        with contextlib.suppress(OSError, ValueError):
            quota, *period = path.read_text(encoding="utf-8").split()
            period = period or [path.with_name("cpu.cfs_period_us").read_text(encoding="utf-8")]
            return math.inf if quota in ("max", "-1") else int(quota) / int(period[0])
    return math.inf


def use_machine(thrifty=False):
    """Set up torch for this program; OMP_NUM_THREADS, which torchrun sets, is respected.

    It is the first touch of fresh memory that costs, page by page. So large tensors get large pages, where the system
    has them to give, and unless `thrifty` the memory of tensors that are gone is kept for the next ones, which takes a
    fifth more of it. Call it before the first tensor is made.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if not (thrifty or torch.cuda.is_available()):
        keep_memory()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))


def keep_memory():
    """Have the C library take large blocks, too, from memory that it keeps; others than glibc have other ways."""
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
            mallopt(option, 2**31 - 1)


def peak_memory():
    """GiB at most in use so far: of the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**30 if sys.platform == "darwin" else peak / 2**20
