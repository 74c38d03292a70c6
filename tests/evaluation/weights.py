"""Weights files of the true names, tensor names and shapes, filled with random numbers from a seed."""

import math

import torch

from evaluation import vision  # noqa: F401 (before torchvision)

from torchvision.models import alexnet, inception_v3, vgg16  # isort: skip


def write_weights(folder):
    """All four files, into `folder`."""
    save(_filled(_states(alexnet), "features."), folder / "alexnet-owt-7be5be79.pth")
    save(_filled(_states(vgg16), "features."), folder / "vgg16-397923af.pth")
    imagenet = _filled(_states(inception_v3, init_weights=False))
    save(imagenet, folder / "inception_v3_google-0cc3c7bd.pth")
    fid = _filled(_states(inception_v3, init_weights=False, aux_logits=False, num_classes=1008), seed=1)
    save(fid, folder / "pt_inception-2015-12-05-6726825d.pth")
    return folder


def save(tensors, path):
    torch.save(tensors, path)


def _states(model, **options):
    """A torchvision model's tensors, without the memory for them."""
    with torch.device("meta"):
        return model(weights=None, **options).state_dict()


def _filled(state, prefix="", seed=0):
    """Tensors that keep the signal's size from layer to layer; those not of `prefix`, and AuxLogits, are one number."""
    random = torch.Generator().manual_seed(seed)

    def fill(name, like):
        if not like.is_floating_point():
            return torch.tensor(1)
        if not name.startswith(prefix) or name.startswith(("AuxLogits.", "fc.")):
            return torch.zeros(1).expand(like.shape)
        if like.dim() > 1:
            return torch.randn(like.shape, generator=random) * math.sqrt(2 / like[0].numel())
        if name.endswith(("running_var", "bn.weight")):
            return 0.5 + torch.rand(like.shape, generator=random)
        return 0.1 * torch.randn(like.shape, generator=random)

    return {name: fill(name, like) for name, like in state.items()}
