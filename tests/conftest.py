"""What tests in several folders need."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]


def shared_folder():
    """The folder of reference numbers and photos: beside the repository, or where SHARED_DIR says."""
    return Path(os.environ.get("SHARED_DIR", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def shared():
    """That folder, or skip."""
    if not (shared_folder() / "golden").is_dir():
        pytest.skip("no reference numbers here")
    return shared_folder()


@pytest.fixture(scope="session")
def golden(shared):
    """golden(name): the tensors of a reference file, by name."""

    def load(name):
        return {key: torch.from_numpy(value) for key, value in np.load(shared / "golden" / f"{name}.npz").items()}

    return load


@pytest.fixture(scope="session")
def shared_tools(shared):
    """Makes the modules that derive reference weights and inputs importable."""
    sys.path.insert(0, str(shared / "tools"))
    yield
    sys.path.remove(str(shared / "tools"))


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
