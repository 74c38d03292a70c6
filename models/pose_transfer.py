"""The whole model: what it knows of the source image, and the denoiser that draws the person anew."""

import dataclasses
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from config.errors import InputError
from config.load import load_config, to_yaml
from config.schema import Config
from models.flow_net import FlowNet
from models.reference_encoder import ReferenceEncoder
from models.unet import UNet

CONFIG_FILE, WEIGHTS_FILE = "config.yaml", "model.safetensors"


@dataclasses.dataclass(frozen=True)
class Condition:
    """What the denoiser is told of the source; nothing in it depends on t. Dictionaries are by stride s."""

    features: dict  # Two maps of the reference encoder, each (B, C, H/s, W/s).
    flows: dict  # (B, 2, H/s, W/s), x first, in pixels of that grid.
    masks: dict  # (B, 1, H/s, W/s): how much comes along the flow.
    keep: torch.Tensor | None = None  # (B,): samples that are conditioned at all; None: all of them.


class PoseTransferModel(nn.Module):
    """Self-calibration flow guided diffusion model for pose transfer (Xue et al., TCSVT 2024).

    Images are RGB in [-1, 1], (B, 3, H, W); pose maps in [0, 1], (B, 20, H, W); t is (B,), 0 .. 999.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.reference_encoder = ReferenceEncoder(config)
        self.flow_net = FlowNet(config)
        self.denoiser = UNet(config)

    def encode(self, source_image, source_pose, target_pose):
        """The Condition of a batch of pairs: once per pair, for all steps."""
        flows, masks = self.flow_net(source_image, source_pose, target_pose)
        return Condition(self.reference_encoder(source_image), flows, masks)

    def denoise(self, x_t, t, target_pose, condition):
        """Predicted noise, then variance interpolation v: (B, 6, H, W). With no condition flow attention is skipped."""
        return self.denoiser(x_t, t, target_pose, condition)

    def forward(self, x_t, t, source_image, source_pose, target_pose, keep):
        """For training: the prediction (B, 6, H, W) and the Condition. keep: (B,) bool, False drops the condition."""
        condition = dataclasses.replace(self.encode(source_image, source_pose, target_pose), keep=keep)
        return self.denoise(x_t, t, target_pose, condition), condition

    def save_pretrained(self, folder, config=None):
        """Write config.yaml, of the whole experiment if it is given, and model.safetensors."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG_FILE).write_text(to_yaml(config or Config(model=self.config)))
        save_file({name: tensor.contiguous() for name, tensor in self.state_dict().items()}, folder / WEIGHTS_FILE)

    @classmethod
    def from_pretrained(cls, folder):
        """The model of a folder with config.yaml and model.safetensors, in eval mode. Raises InputError."""
        folder = Path(folder)
        config = load_config(folder / CONFIG_FILE)
        model = cls(config.model)
        load_weights(model, folder)
        return model.eval()


def load_weights(model, folder):
    """Fill a model from a checkpoint folder. Raises InputError that lists names and shapes that do not agree."""
    path = Path(folder) / WEIGHTS_FILE
    if not path.is_file():
        raise InputError(f"{path}: no such file; a checkpoint folder holds {CONFIG_FILE} and {WEIGHTS_FILE}.")
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: not a whole safetensors file ({error}).") from error

    own = model.state_dict()
    faults = [f"{name} is missing" for name in own if name not in weights]
    faults += [f"{name} is unknown" for name in weights if name not in own]
    faults += [
        f"{name} is {tuple(weights[name].shape)}, not {tuple(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise InputError(f"{path}: not the architecture that {CONFIG_FILE} says: {'; '.join(faults[:3])}{more}.")
    model.load_state_dict(weights)
