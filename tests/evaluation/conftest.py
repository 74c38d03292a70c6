import pytest

from tests.evaluation.sets import make_results, make_root
from tests.evaluation.weights import write_weights


@pytest.fixture
def root(tmp_path):
    return make_root(tmp_path / "data")


@pytest.fixture
def generated(tmp_path):
    return make_results(tmp_path / "generated")


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A folder with a weights file for every network, random ones; whoever changes a file copies it first."""
    return write_weights(tmp_path_factory.mktemp("weights"))
