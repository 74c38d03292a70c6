"""The CUDA source, compiled for a CPU by g++ and run one thread after the other."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from flow_ops import kernels

PARAMETERS = 12  # The most that an entry has.


@pytest.fixture(scope="session")
def host_library(tmp_path_factory):
    """The shared library of all entries."""
    if not shutil.which("g++"):
        pytest.skip("no g++ here")
    library = tmp_path_factory.mktemp("host") / "kernels.so"
    header = Path(__file__).with_name("host.h")
    subprocess.run(
        ["g++", "-std=c++17", "-O2", "-Wall", "-Werror", "-Wno-unknown-pragmas", "-shared", "-fPIC",
         "-include", header, "-x", "c++", kernels.SOURCE, "-o", library],
        check=True,
    )  # fmt: skip
    return ctypes.CDLL(str(library))


@pytest.fixture
def start_on_host(host_library):
    """start(entry, first block, number of blocks, parameters): run blocks of an entry."""

    def start(name, first, blocks, numbers):
        assert len(numbers) <= PARAMETERS
        words = (ctypes.c_longlong * PARAMETERS)(*numbers)
        sizes = (ctypes.c_longlong(number) for number in (first, blocks, kernels.THREADS))
        host_library.launch(getattr(host_library, name), words, *sizes)

    return start


@pytest.fixture
def on_host(start_on_host, monkeypatch):
    """Lets the kernels run on CPU tensors."""

    def start(_, name, blocks, numbers):
        start_on_host(name, 0, blocks, numbers)

    monkeypatch.setitem(kernels.STARTERS, "cpu", start)
    monkeypatch.setattr(kernels, "LANES", 1)
