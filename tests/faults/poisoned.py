"""Train where some pairs turn to NaN once they are tensors: poisoned.py CONFIG POSITION[,POSITION ..] [key=value ..]"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from config.errors import command
from config.load import load_config
from data.dataset import PairDataset
from diffusion.trainer import Trainer

path, positions, *overrides = sys.argv[1:]
poisoned = {int(position) for position in positions.split(",")}
read = PairDataset.__getitem__


def read_poisoned(self, position):
    item = read(self, position)
    return item | {"source_image": item["source_image"] * torch.nan} if position in poisoned else item


PairDataset.__getitem__ = read_poisoned
sys.exit(command(lambda: Trainer(load_config(path, overrides)).run())())
