"""The CUDA source, compiled for a CPU by g++ and run one thread after the other."""

import ctypes
import functools
import shutil
import subprocess
from pathlib import Path

import pytest

from flow_ops import kernels

PARAMETERS = 12  # As in host.h: the most that an entry has.


@pytest.fixture(scope="session")
def host_library(tmp_path_factory):
    """host_library(lanes): the shared library of all entries, with so many threads per pixel."""
    if not shutil.which("g++"):
        pytest.skip("no g++ here")
    folder = tmp_path_factory.mktemp("host")

    @functools.cache
    def compiled(lanes):
        library, header = folder / f"kernels{lanes}.so", Path(__file__).with_name("host.h")
        subprocess.run(
            ["g++", "-std=c++20", "-O2", "-Wall", "-Werror", "-Wno-unknown-pragmas", "-shared", "-fPIC", "-pthread",
             f"-DTHREADS={kernels.THREADS}", f"-DLANES={lanes}", "-include", header, "-x", "c++", kernels.SOURCE,
             "-o", library],
            check=True,
        )  # fmt: skip
        return ctypes.CDLL(str(library))

    return compiled


@pytest.fixture
def start_on_host(host_library):
    """start(entry, first block, number of blocks, parameters): run blocks of an entry with kernels.LANES lanes."""

    def start(name, first, blocks, numbers):
        assert len(numbers) <= PARAMETERS
        library = host_library(kernels.LANES)
        words = (ctypes.c_longlong * PARAMETERS)(*numbers)
        library.launch(getattr(library, name), words, ctypes.c_longlong(first), ctypes.c_longlong(blocks))

    return start


@pytest.fixture
def on_host(start_on_host, monkeypatch):
    """Lets the kernels run on CPU tensors, one lane per pixel. The names of the entries that ran."""
    started = []

    def start(_, name, blocks, numbers):
        started.append(name)
        start_on_host(name, 0, blocks, numbers)

    monkeypatch.setitem(kernels.STARTERS, "cpu", start)
    monkeypatch.setattr(kernels, "LANES", 1)
    return started
