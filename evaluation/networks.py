"""The networks behind LPIPS, FID, KID, precision and recall. Their weights are looked for, never fetched."""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from evaluation import vision
from models.state_dict import check_tensors
from models.torch_file import read_torch_file
from system.errors import InputError
from system.files import sha256_of

# Names under which the weights are published; the first is the one to ask for.
FILES = {
    "alex": ("alexnet-owt-7be5be79.pth",),
    "vgg": ("vgg16-397923af.pth",),
    "imagenet": ("inception_v3_google-0cc3c7bd.pth", "inception_v3_google-1a9a5a14.pth"),
    "fid": ("pt_inception-2015-12-05-6726825d.pth",),
}
CLASSES = {"imagenet": 1000, "fid": 1008}
FEATURES = 2048
SMALLEST_SIDE = {"alex": 31, "vgg": 16}  # Pixels that the last slice of a trunk needs.


class NotComputed(Exception):  # noqa: N818 (a finding, not a fault)
    """Why a measure cannot be computed: what to put where, or another sentence."""


def find_weights(network, folder=None):
    """The weights file of a network (a key of FILES) in `folder`; None: in torch's cache.

    Raises NotComputed, saying which file belongs where, if it is not there, InputError if the folder is not.
    """
    if folder is not None and not Path(folder).is_dir():
        raise InputError(f"{folder}: expected the folder of the networks' weights, got no such folder")
    folder = Path(folder) if folder else Path(torch.hub.get_dir()) / "checkpoints"
    for name in FILES[network]:
        if (folder / name).is_file():
            return folder / name
    name = FILES[network][0]
    raise NotComputed(f"put {name} at {folder / name}")


class _Pretrained(nn.Module):
    """A network whose weights come from a file: `file`, its path, and `sha256`."""

    def __init__(self, network, folder):
        super().__init__()
        self.file = find_weights(network, folder)
        self.sha256 = sha256_of(self.file)

    def is_published(self):
        """Whether the file is the one published under its name, which ends in the beginning of its SHA-256."""
        return self.sha256.startswith(self.file.stem.rsplit("-", 1)[1])

    def _read(self, like, expected):
        """The tensors of the file that `like` has, name -> tensor; those that it has beyond that are left alone.

        Batch normalisation's counter, unused and absent from old files, is 0 where it is missing.
        """
        content, _ = read_torch_file(self.file)
        if not isinstance(content, dict):
            raise InputError(f"{self.file}: expected {expected}, found {type(content).__name__}")
        counters = {name: torch.tensor(0) for name in like if name.endswith(".num_batches_tracked")}
        tensors = counters | {name: tensor for name, tensor in content.items() if name in like}
        check_tensors(tensors, like, self.file, expected)
        for name, tensor in tensors.items():
            if not tensor.isfinite().all():
                raise InputError(f"{self.file}: expected {expected}; {name} has numbers that are not finite")
        return tensors

    def _settle(self):
        self.eval().requires_grad_(False).to(vision.device(), torch.float32)


class Inception(_Pretrained):
    """Inception v3 up to its pooled features: (B, 3, H, W) in [0, 1] -> (B, 2048).

    kind: "imagenet", torchvision's network, or "fid", that of the original FID (Heusel et al., 2017) as pytorch-fid
    has it: other average pooling, one maximum pooling, other weights.
    """

    def __init__(self, kind, folder=None):
        super().__init__(kind, folder)
        with torch.device("meta"):
            self.network = vision.inception_v3(
                weights=None, aux_logits=False, init_weights=False, num_classes=CLASSES[kind]
            )
            if kind == "fid":
                _take_fid_blocks(self.network)
        tensors = self._read(self.network.state_dict(), f"Inception v3 of {CLASSES[kind]} classes")
        self.network.load_state_dict(tensors, assign=True)
        self.network.add_module("fc", nn.Identity())
        self._settle()

    def forward(self, images):
        """Features (B, 2048) of images in [0, 1]."""
        with vision.inference():
            images = images.to(vision.device())
            images = F.interpolate(images, (299, 299), mode="bilinear", align_corners=False)  # (B, 3, 299, 299)
            return self.network(images * 2 - 1)  # (B, 2048)


class LPIPS(_Pretrained):
    """Learned perceptual distance (Zhang et al., 2018), version 0.1: two (B, 3, H, W) in [-1, 1] -> (B,).

    trunk: "alex" or "vgg", torchvision's weights; the heads over its features are those that torchmetrics ships.
    """

    def __init__(self, trunk, folder=None):
        super().__init__(trunk, folder)
        self.network = vision._LPIPS(net=trunk, pnet_rand=True)  # noqa: SLF001 (torchmetrics has no other)
        own = self.network.net.state_dict()  # slice2.3.weight: features.3.weight in torchvision's file.
        names = {f"features.{name.partition('.')[2]}": name for name in own}
        tensors = self._read({theirs: own[name] for theirs, name in names.items()}, f"torchvision's {trunk} network")
        self.network.net.load_state_dict({names[theirs]: tensor for theirs, tensor in tensors.items()})
        self._settle()

    def forward(self, a, b):
        """Distances (B,)."""
        with vision.inference():
            return self.network(a.to(vision.device()), b.to(vision.device())).flatten()  # (B,)


def _take_fid_blocks(network):
    """Put pytorch-fid's blocks in the place of torchvision's."""
    network.Mixed_5b = vision.FIDInceptionA(192, pool_features=32)
    network.Mixed_5c = vision.FIDInceptionA(256, pool_features=64)
    network.Mixed_5d = vision.FIDInceptionA(288, pool_features=64)
    network.Mixed_6b = vision.FIDInceptionC(768, channels_7x7=128)
    network.Mixed_6c = vision.FIDInceptionC(768, channels_7x7=160)
    network.Mixed_6d = vision.FIDInceptionC(768, channels_7x7=160)
    network.Mixed_6e = vision.FIDInceptionC(768, channels_7x7=192)
    network.Mixed_7b = vision.FIDInceptionE_1(1280)
    network.Mixed_7c = vision.FIDInceptionE_2(2048)
