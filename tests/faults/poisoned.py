"""Train where some pairs turn to NaN once they are floats: poisoned.py CONFIG POSITION[,POSITION ..] [key=value ..]"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from config.load import load_config
from data import levels
from system.errors import command
from training import trainer

path, positions, *overrides = sys.argv[1:]
poisoned = {int(position) for position in positions.split(",")}


def to_device_poisoned(batch, device):
    batch = levels.to_device(batch, device)
    for image, position in zip(batch["source_image"], batch["position"].tolist(), strict=True):
        if position in poisoned:
            image.fill_(torch.nan)
    return batch


trainer.to_device = to_device_poisoned
sys.exit(command(lambda: trainer.Trainer(load_config(path, overrides)).run())())
