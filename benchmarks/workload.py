"""What the benchmarks compute: the paper's network with random weights, on random pairs."""

import dataclasses
from pathlib import Path

import torch

from config.load import load_config
from models.pose_transfer import PoseTransferModel

ROOT = Path(__file__).resolve().parents[1]
PAPER = ROOT / "config" / "deepfashion_256.yaml"
CPU = torch.device("cpu")


def device():
    """The first GPU, or the CPU where there is none."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else CPU


def network(size, on=CPU):
    """The paper's network for images of `size` (H, W), without layers that are still zero, in eval mode."""
    config = dataclasses.replace(load_config(PAPER).model, image_size=list(size))
    torch.manual_seed(0)
    model = PoseTransferModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.02)
    return model.to(on, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (as torch documents it)


def pairs(batch, size, on=CPU):
    """Source images, source poses and target poses of `batch` pairs, and noise for their pictures."""
    generator = torch.Generator().manual_seed(1)
    images, noise = (torch.randn(batch, 3, *size, generator=generator).to(on) for _ in range(2))
    poses = (torch.rand(batch, 20, *size, generator=generator).to(on) for _ in range(2))
    return images.clamp(-1, 1), *poses, noise
