"""The weights in checkpoints/demo, which the demo and inference without flags draw with."""

import pytest
import torch

from data import synthetic
from data.dataset import TestPairs
from data.levels import to_device
from diffusion.drawing import draw_pairs
from models.pose_transfer import PoseTransferModel
from tests.conftest import ROOT

DEMO = ROOT / "checkpoints/demo"
LARGEST = 20e6  # Bytes of one file.


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """All test pairs of the first person whom the weights never saw."""
    root = tmp_path_factory.mktemp("people")
    synthetic.generate(root, identities=10, poses=5, size=(128, 88), workers=1)
    pairs = TestPairs(root, (64, 64), targets=True)
    assert len(pairs) == 5
    return to_device(torch.utils.data.default_collate([pairs[i] for i in range(5)]), "cpu")


def psnr(images, targets):
    """Mean over images (B, 3, H, W) in [-1, 1], dB."""
    return 10 * torch.log10(4 / (images.clamp(-1, 1) - targets).square().mean(dim=(1, 2, 3))).mean()


def test_people_whom_they_never_saw_are_drawn_better_than_by_copying(batch):
    model = PoseTransferModel.from_pretrained(DEMO)
    images, _ = draw_pairs(model, batch, model.experiment.sampling, seed=0)
    assert psnr(images, batch["target_image"]) > psnr(batch["source_image"], batch["target_image"]) + 1


def test_they_are_small_and_say_what_they_are():
    assert {"config.yaml", "model.safetensors", "README.md", "curve.png", "metrics.jsonl"} <= {
        path.name for path in DEMO.iterdir()
    }
    assert all(path.stat().st_size <= LARGEST for path in DEMO.iterdir())
    card = (DEMO / "README.md").read_text()
    assert "NPROC=2 bash scripts/train.sh config/demo_64.yaml" in card
    assert "Not measured" not in card
