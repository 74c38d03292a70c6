"""Every setting of an experiment, with its type and default. The defaults are the paper's setting at 256 x 256.

A YAML file in this folder names what it changes; `config.load` refuses keys that are not listed here.
"""

from dataclasses import dataclass, field


@dataclass
class AttentionLevel:
    """Flow attention at one stride of the U-Net."""

    stride: int = 8  # Image pixels per feature pixel.
    kernel: int = 3  # Side k of the k x k window attended to around the flow's end point.
    radius: int = 4  # Self-correlation reaches displacements 2 (i, j) with |i|, |j| <= radius // 2.


def _paper_attention():
    return [AttentionLevel(8, 3, 4), AttentionLevel(16, 2, 3), AttentionLevel(32, 1, 2)]


@dataclass
class ModelConfig:
    """The network. Strides run 1, 2, 4, .. over the entries of `channel_multipliers`."""

    image_size: list[int] = field(default_factory=lambda: [256, 256])  # Height, width.
    channels: int = 128  # Base width; a multiple of 32.
    channel_multipliers: list[int] = field(default_factory=lambda: [1, 1, 2, 2, 4, 4])  # Width per stride.
    attention: list[AttentionLevel] = field(default_factory=_paper_attention)  # The deepest strides, finest first.
    token_stride: int = 16  # Image pixels per MSFF token.
    dropout: float = 0.1  # In the ResBlocks and in MSFF.
    # What the method adds to a plain U-Net, each to be left out in ablations.
    flow: bool = True  # False: the source's features are added where they stand, with no flow network.
    self_calibration: bool = True  # False: features are fetched along the flow network's flow as it is.
    msff: bool = True  # False: the skips of the slim levels are not fused.


@dataclass
class DataConfig:
    """Where the training data are and how they are varied."""

    root: str = "datasets/deepfashion"  # Holds img/, pose/, train_pairs.txt and test_pairs.txt.
    lmdb: str = "datasets/deepfashion_lmdb"  # What data/prepare_data.py wrote: one folder HEIGHT-WIDTH per size.
    resize: str = "squeeze"  # Photos to the image size: squeeze (aspect not kept), pad (white bars), crop (the middle).
    augment: bool = True  # Random scale, crop and flip.
    workers: int = 4  # Loader processes per training process; 0 loads in the process itself.
    max_damaged: float = 0.01  # Share of pairs with an unreadable image, above which training stops.


@dataclass
class LossConfig:
    """The diffusion loss, and the flow losses beside it."""

    min_snr: float = 0.0  # Weighs the noise's error by 1 / SNR, up to 1 / this; 0: alike at all times, as in the paper.
    least_weight: float = 0.0  # The least that min_snr may weigh an error by.
    features: str = "vgg19"  # What sampling correctness compares: vgg19, or pixels (needs no weights).
    limb_weight: float = 0.0  # Weight of closeness to each limb beside those features; 0: none, as in the paper.
    vgg19_weights: str = ""  # torchvision's vgg19-dcbb9e9d.pth; empty: looked for in torch's cache.
    correctness_weight: float = 1.0  # Sampling correctness.
    affine_weight: float = 0.0025  # Affine regularisation.
    calibrated_weight: float = 0.0  # Of these losses for self-calibrated flows too; 0: none, as in the paper.


@dataclass
class TrainingConfig:
    """The training run. A step is one update of the weights."""

    output: str = "runs/deepfashion_256"  # Checkpoints, TensorBoard files and the resolved configuration.
    seed: int = 0  # With the step number, it fixes data order, noise and dropout.
    steps: int = 300_000
    batch_size: int = 4  # Pairs per process and pass; each is used in both directions.
    accumulation: int = 1  # Passes per step.
    parallel: str = "ddp"  # Several processes: ddp, each holds the whole model, or fsdp, each holds a part of it.
    gradient_checkpointing: str = "none"  # What the backward pass computes again, to save memory: blocks, or levels.
    learning_rate: float = 2e-5  # Adam's, between warm-up and decay.
    warmup_steps: int = 5_000  # From 4 % of the learning rate; until it ends the EMA is a plain copy.
    decay_steps: int = 0  # The rate falls to nothing over the last steps; 0: it stays flat, as in the paper.
    gradient_clip: float = 1.0  # Largest norm of the whole gradient.
    condition_dropout: float = 0.1  # Probability that a sample trains the unconditional branch.
    ema_decay: float = 0.9999
    precision: str = "no"  # no: exact float32. tf32: on GPUs, products of float32 are shortened. bf16, fp16: autocast.
    compile: bool = False  # Compile the networks: minutes at the start, less time per step.
    log_every: int = 50
    picture_every: int = 2_000
    checkpoint_every: int = 2_000
    keep_last: int = 2  # Newest checkpoints that stay.
    keep_every: int = 50_000  # Checkpoints of these steps stay too; 0 keeps none.
    max_skipped: int = 10  # Steps in a row left out, for a loss or gradient that is not finite, before the run stops.
    stall_seconds: int = 600  # A step that takes longer is reported, with where it stands.


@dataclass
class SamplingConfig:
    """How pictures are drawn, in training and by test.py."""

    sampler: str = "unipc"  # unipc, dpm++, ddim or ddpm. The paper's pictures: ddim of 50 steps.
    steps: int = 15
    start: int = 999  # Time t at which drawing starts, from the source photo noised to it; 999: from noise alone.
    clip: bool = False  # Hold the x_0 that each step aims at within [-1, 1].
    guidance: float = 2.0  # eps_null + guidance (eps_cond - eps_null); 1 is the condition alone.
    guidance_interval: list[int] = field(default_factory=lambda: [0, 999])  # Lowest and highest t guided so.
    precision: str = "no"  # As in training.


@dataclass
class Config:
    """One experiment."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
