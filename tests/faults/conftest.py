import copy

import pytest

from tests.faults.runs import finish, started


@pytest.fixture(autouse=True)
def _nothing_left_running():
    yield
    while started:
        started.pop().kill()


@pytest.fixture
def variant(experiment, tmp_path):
    """variant(name, key=value, ..) -> the experiment, reporting each step, with its run folder and settings changed."""
    settings = {"steps": 8, "batch_size": 1, "log_every": 1, "picture_every": 1000, "checkpoint_every": 2}

    def make(name, **changes):
        config = copy.deepcopy(experiment)
        config.training.output = str(tmp_path / name)
        for key, value in {**settings, **changes}.items():
            section = config.data if hasattr(config.data, key) else config.training
            setattr(section, key, value)
        return config

    return make


@pytest.fixture(scope="session")
def unbroken_runs():
    """The run folders of undisturbed runs, by their settings."""
    return {}


@pytest.fixture
def unbroken(variant, unbroken_runs, tmp_path_factory):
    """unbroken(key=value, ..) -> the run folder of an undisturbed run."""

    def train(**changes):
        key = tuple(sorted(changes.items()))
        if key not in unbroken_runs:
            config = variant("unbroken", output=str(tmp_path_factory.mktemp("unbroken") / "run"), **changes)
            finish(config)
            unbroken_runs[key] = config.training.output
        return unbroken_runs[key]

    return train


@pytest.fixture
def figure(record_property):
    """figure(text): a line that is printed at the end of the tests."""
    return lambda text: record_property("figure", text)
