"""What training minimises: the diffusion loss and the flow losses, over both directions of a batch of pairs."""

from dataclasses import dataclass

import torch

from data.loader import both_directions
from diffusion.gaussian import STEPS, GaussianDiffusion
from models.flow_losses import FlowLoss, PixelFeatures
from models.vgg import TAPS, VGG19Features
from system.errors import InputError
from system.seeds import derived_seed

INITIAL_WEIGHTS, SAMPLE_NOISE, DROPOUT = range(3)  # What a derived seed of training is for.
SIDES = ("source", "target")
QUARTERS = 4  # Of the times t, each with a mean error of its own in the log.


@dataclass
class Losses:
    """The losses of one batch of N pairs."""

    total: torch.Tensor  # What is minimised, a scalar.
    measured: dict  # Name -> (sum, count) of what is logged, without gradients.


class TrainingLoss:
    """losses = TrainingLoss(config, device)(model, batch). Raises InputError for settings that do not fit together.

    A sample's t, noise and whether it keeps its condition follow from the seed and its place in the data.
    """

    def __init__(self, config, device):
        self.weights = config.loss
        self.seed, self.condition_dropout = config.training.seed, config.training.condition_dropout
        self.diffusion = GaussianDiffusion().to(device)
        self.flow_loss = flow_loss(config).to(device) if config.model.flow else None
        self.device = device

    def __call__(self, model, batch):
        """The Losses of a batch of PairDataset's items from `to_device`, on the model's device."""
        batch = both_directions(batch)
        t, noise, keep = self.draw_noise(batch["position"], batch["direction"], batch["target_image"].shape[1:])
        x_0 = batch["target_image"]
        x_t = self.diffusion.q_sample(x_0, t, noise)
        given = batch["source_image"], batch["source_pose"], batch["target_pose"], keep
        prediction, condition, calibrated = model(x_t, t, *given)
        mse, vb = self.diffusion.losses(prediction.float(), x_0, x_t, t, noise)  # (2N,), (2N,)
        parts = {"mse": mse.mean(), "vb": vb.mean()}
        weight = self._weight(t)
        total = (weight * mse).mean() + vb.mean()
        if self.flow_loss:
            of_flows, of_parts = self._flow_losses(self.flow_loss, condition.flows, calibrated, batch)
            total, parts = total + of_flows, parts | of_parts
        measured = {name: (value.detach(), 1) for name, value in {"loss": total, **parts}.items()}
        return Losses(total, measured | by_quarter(mse.detach(), t))

    def _flow_losses(self, loss, flows, calibrated, batch):
        """The weighted sum of the flow losses, and the parts of it by name."""
        weights = self.weights
        features = [loss.features(batch[f"{side}_image"], batch[f"{side}_pose"]) for side in SIDES]
        kinds = [("", 1, {stride: [flow] for stride, flow in flows.items()})]
        if calibrated and weights.calibrated_weight:
            kinds.append(("_calibrated", weights.calibrated_weight, calibrated))
        total, parts = 0, {}
        for ending, weight, given in kinds:
            correctness, affine = loss(given, *features)
            total = total + weight * (weights.correctness_weight * correctness + weights.affine_weight * affine)
            parts |= {f"correctness{ending}": correctness, f"affine{ending}": affine}
        return total, parts

    def _weight(self, t):
        weights = self.weights
        return self.diffusion.min_snr_weight(t, weights.min_snr, weights.least_weight) if weights.min_snr else 1

    def draw_noise(self, positions, directions, shape):
        """t (2N,), noise (2N, 3, H, W) and keep (2N,) for samples at places in the data, in directions 0 and 1."""
        t, noise, keep = [], [], []
        for position, direction in zip(positions.tolist(), directions.tolist(), strict=True):
            seed = derived_seed(self.seed, SAMPLE_NOISE, position, direction)
            generator = torch.Generator(self.device).manual_seed(seed)
            t.append(torch.randint(STEPS, (), generator=generator, device=self.device))
            noise.append(torch.randn(shape, generator=generator, device=self.device))
            keep.append(torch.rand((), generator=generator, device=self.device))
        return torch.stack(t), torch.stack(noise), torch.stack(keep) >= self.condition_dropout


def by_quarter(mse, t):
    """Name -> (sum, count) of the errors (B,) whose t (B,) is in each quarter of the times."""
    length = STEPS // QUARTERS
    return {
        f"mse_t{quarter * length:03d}_{(quarter + 1) * length - 1}": (mse[inside].sum(), inside.sum())
        for quarter in range(QUARTERS)
        for inside in [t // length == quarter]
    }


def flow_loss(config):
    """The flow losses of a configuration: features as it says, windows 3, 2, 2 from the finest stride on."""
    strides = [level.stride for level in config.model.attention]
    if config.loss.features == "vgg19" and len(strides) != len(TAPS):
        raise InputError(f"loss.features: vgg19 serves {len(TAPS)} attention levels, not {len(strides)}; use pixels.")
    windows = dict(zip(strides, [3] + [2] * (len(strides) - 1), strict=True))
    pixels = config.loss.features == "pixels"
    extractor = PixelFeatures(strides) if pixels else VGG19Features(config.loss.vgg19_weights)
    return FlowLoss(extractor, windows, config.loss.limb_weight)
