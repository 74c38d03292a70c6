"""The whole model: what it knows of the source image, and the denoiser that draws the person anew."""

import dataclasses
from pathlib import Path

import torch
from accelerate import init_empty_weights
from huggingface_hub import ModelHubMixin
from torch import nn

from config.load import to_yaml
from config.schema import Config
from models.condition import Condition
from models.flow_net import FlowNet
from models.layers import Recomputable, ResBlock
from models.plain import is_plain
from models.pretrained import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, fetch, load_weights, read_config, save_tensors
from models.reference_encoder import ReferenceEncoder
from models.unet import UNet
from system.files import write_text

CARD_TEMPLATE = Path(__file__).with_name("model_card.md.jinja").read_text(encoding="utf-8")


class PoseTransferModel(
    nn.Module,
    ModelHubMixin,
    library_name="pytorch",
    pipeline_tag="image-to-image",
    tags=["human-pose-transfer", "person-image-synthesis", "diffusion"],
    model_card_template=CARD_TEMPLATE,
):
    """Self-calibration flow guided diffusion model for pose transfer (Xue et al., TCSVT 2024).

    Images are RGB in [-1, 1], (B, 3, H, W); pose maps in [0, 1], (B, 20, H, W); t is (B,), 0 .. 999.
    `push_to_hub("user/name")` is huggingface_hub's; it sends what `save_pretrained` writes.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.experiment = Config(model=config)  # With the settings it was trained with, where it was loaded.
        self.reference_encoder = ReferenceEncoder(config)
        self.flow_net = FlowNet(config) if config.flow else None
        self.denoiser = UNet(config)

    def encode(self, source_image, source_pose, target_pose, sources=None, features=None):
        """The Condition of a batch of pairs: once per pair, for all steps.

        sources: B whole numbers, which row of the source's tensors goes with each of the B target poses, so that
        poses may share a source; None: each has its own. features: what the reference encoder made of the source
        images, where that is at hand. Without gradients, all that does not depend on t is computed here.
        """
        features = features or self.reference_encoder(source_image)
        if sources is not None:
            source_image, source_pose = source_image[sources], source_pose[sources]
            features = {stride: tuple(feature[sources] for feature in pair) for stride, pair in features.items()}
        flows, masks = self.flow_net(source_image, source_pose, target_pose) if self.flow_net else ({}, {})
        condition = Condition(features, flows, masks)
        if torch.is_grad_enabled() or is_plain():
            return condition
        return dataclasses.replace(condition, sites=self.denoiser.prepare(condition))

    def denoise(self, x_t, t, target_pose, condition):
        """Predicted noise, then variance interpolation v: (B, 6, H, W). With no condition flow attention is skipped.

        t: (B,), or (1,) for all samples alike.
        """
        return self.denoiser(x_t, t, target_pose, condition)[0]

    def denoise_both(self, x_t, t, target_pose, condition):
        """What `denoise` predicts with the condition and without it, each (B, 6, H, W): less than twice the work."""
        if is_plain():
            return tuple(self.denoise(x_t, t, target_pose, given) for given in (condition, None))
        return self.denoiser(x_t, t, target_pose, condition, both=True)[0].chunk(2)

    def forward(self, x_t, t, source_image, source_pose, target_pose, keep):
        """For training: the prediction (B, 6, H, W), the Condition, and the self-calibrated flows by stride.

        keep: (B,) bool, False drops the condition.
        """
        condition = dataclasses.replace(self.encode(source_image, source_pose, target_pose), keep=keep)
        prediction, calibrated = self.denoiser(x_t, t, target_pose, condition)
        return prediction, condition, calibrated

    def recompute(self, parts):
        """Let parts keep only their inputs for the backward pass: less memory, more time, the same gradients.

        parts: "none"; "blocks", every ResBlock; or "levels", also every level of encoder and denoiser, which leaves
        little but a map per level.
        """
        for module in self.modules():
            if isinstance(module, Recomputable):
                module.recompute = parts == "levels" or (parts == "blocks" and isinstance(module, ResBlock))

    def save_pretrained(self, folder, config=None, model_card_kwargs=None):
        """Write config.yaml, model.safetensors and, unless there is one, the model card README.md.

        config: the whole experiment, if it is not the model's own. model_card_kwargs: paragraphs of the card, "origin"
        (where the weights come from) and "licence". Raises InputError where writing fails.
        """
        self.describe(folder, config, model_card_kwargs)
        save_tensors(self.state_dict(), Path(folder) / WEIGHTS_FILE)

    def describe(self, folder, config=None, model_card_kwargs=None):
        """Write what `save_pretrained` writes, without the weights."""
        folder, config = Path(folder), config or self.experiment
        if not isinstance(config, Config):
            raise TypeError(f"config: expected a config.schema.Config, got {type(config).__name__}")
        write_text(folder / CONFIG_FILE, to_yaml(config))
        if not (folder / CARD_FILE).exists():
            parameters = sum(parameter.numel() for parameter in self.parameters())
            card = self.generate_model_card(config=config, parameters=parameters, **(model_card_kwargs or {}))
            write_text(folder / CARD_FILE, f"{card}\n")

    @classmethod
    def from_pretrained(cls, name, **hub):
        """The model of a checkpoint folder, of a release file, or of "user/name" on the hub; in eval mode.

        Its weights are memory mapped, not copied: replace the file, or save over it, but never write into it meanwhile.
        `experiment` is its whole Config.
        hub: as in huggingface_hub, such as revision, token, cache_dir, local_files_only. Raises InputError.
        """
        path = fetch(name, **hub)
        experiment = read_config(path)
        model = cls.empty(experiment.model)
        load_weights(model, path, assign=True)
        model.experiment = experiment
        return model.eval()

    @classmethod
    def empty(cls, config):
        """A model without memory for its parameters, to be filled by `load_state_dict(.., assign=True)`."""
        with init_empty_weights(include_buffers=False):
            return cls(config)
