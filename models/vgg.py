"""VGG-19 features of ImageNet for the correctness of flow (Simonyan & Zisserman), with torchvision's weight names."""

from pathlib import Path

import torch
from torch import nn

from models.plain import laid_out
from models.state_dict import check_tensors
from models.torch_file import read_torch_file
from system.errors import InputError

FILE_NAME = "vgg19-dcbb9e9d.pth"
PLAN = [64, 64, "pool", 128, 128, "pool", 256, 256, 256, 256, "pool", 512, 512, 512, 512, "pool", 512, 512, 512, 512]
TAPS = (20, 29, 35)  # relu4_1, relu5_1, relu5_4: strides 8, 16 and 16.


class VGG19Features(nn.Module):
    """relu4_1, relu5_1 and relu5_4 of an image in [-1, 1], frozen: (B, 3, H, W) -> three maps of 512 channels."""

    def __init__(self, weights_path=""):
        super().__init__()
        self.features = nn.Sequential(*_layers())
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None], persistent=False)
        self._load(Path(weights_path) if weights_path else Path(torch.hub.get_dir()) / "checkpoints" / FILE_NAME)
        self.requires_grad_(False)

    def forward(self, image):
        h = laid_out(((image + 1) / 2 - self.mean) / self.std)
        maps = []
        for index, layer in enumerate(self.features):
            h = layer(h)
            if index in TAPS:
                maps.append(h)
        return maps

    def _load(self, path):
        if not path.is_file():
            raise InputError(
                f"loss.vgg19_weights: {path} is not there; put torchvision's {FILE_NAME} at that path, name another, "
                "or set loss.features=pixels."
            )
        weights, _ = read_torch_file(path)
        if not isinstance(weights, dict):
            raise InputError(f"{path}: expected torchvision's VGG-19, found {type(weights).__name__}")
        weights = {name: tensor for name, tensor in weights.items() if str(name).startswith("features.")}
        check_tensors(weights, self.state_dict(), path, "torchvision's VGG-19")
        self.load_state_dict(weights)


def _layers():
    layers, width = [], 3
    for item in PLAN:
        if item == "pool":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(width, item, 3, padding=1), nn.ReLU()]
            width = item
    return layers
