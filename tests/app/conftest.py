"""What tests of the app need: a checkpoint that draws in milliseconds, and the web page, served."""

import contextlib
import socket

import pytest

from app.page import build, folder_of_its_own, serve
from config.schema import Config, SamplingConfig
from diffusion.pipeline import PoseTransferPipeline
from tests.app.browser import browser, page  # noqa: F401 (fixtures)
from tests.app.transferring import GALLERY, checkpoint, pose_folder, transfer, usual  # noqa: F401 (fixtures)
from tests.conftest import ROOT
from tests.models.test_pose_transfer import shaken
from tests.tiny import tiniest_model_config

PICTURES = ROOT / "outputs/page_tests"  # Screenshots, for people to look at.


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """A checkpoint of a tiny network with random weights, none of them zero."""
    model = shaken(tiniest_model_config())
    folder = tmp_path_factory.mktemp("app") / "tiny"
    model.save_pretrained(folder, Config(model=model.config, sampling=SamplingConfig(sampler="dpm++", steps=4)))
    return folder


@pytest.fixture(scope="session")
def tiny_pipeline(tiny_checkpoint):
    return PoseTransferPipeline.from_pretrained(tiny_checkpoint)


@contextlib.contextmanager
def served(pipeline):
    """The page for a pipeline, served in this process: its address."""
    with folder_of_its_own():
        blocks = build(pipeline, "weights")
        port = free_port()
        serve(blocks, "127.0.0.1", port, wait=False)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            blocks.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
