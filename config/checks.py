"""What the values of a configuration must satisfy, beyond their types."""

import math

from system.errors import InputError

SAMPLERS = ("ddim", "ddpm", "dpm++", "unipc")
PARALLELS = ("ddp", "fsdp")
PRECISIONS = ("no", "tf32", "bf16", "fp16")
RECOMPUTED = ("none", "blocks", "levels")
RESIZES = ("squeeze", "pad", "crop")  # See data.resize.
FLOW_FEATURES = ("vgg19", "pixels")


def validate(config):
    """Raise InputError, which begins with the dotted key at fault, unless the whole `Config` can be run."""
    _validate_model(config.model)
    _validate_data(config.data)
    _validate_loss(config.loss)
    _validate_training(config.training)
    validate_sampling(config.sampling)


def _validate_model(model):
    _check(len(model.channel_multipliers) >= 2, "model.channel_multipliers", model.channel_multipliers, "two or more")
    for i, multiplier in enumerate(model.channel_multipliers):
        _at_least(1, f"model.channel_multipliers[{i}]", multiplier)
    _check(
        model.channels >= 32 and model.channels % 32 == 0,
        "model.channels",
        model.channels,
        "a positive multiple of 32",
    )
    _between(0, 1, "model.dropout", model.dropout)
    _check(model.flow or not model.self_calibration, "model.flow", False, "true, or model.self_calibration=false too")
    largest = 2 ** (len(model.channel_multipliers) - 1)
    _validate_attention(model.attention, largest)
    largest_slim = model.attention[0].stride // 2
    _check(
        model.token_stride >= 1 and model.token_stride % largest_slim == 0,
        "model.token_stride",
        model.token_stride,
        f"a multiple of {largest_slim}, the largest stride without attention",
    )
    _validate_image_size(model, largest)


def _validate_attention(attention, largest):
    """The levels with attention are the deepest ones, finest first, and leave at least stride 1 without."""
    strides = [level.stride for level in attention]
    deepest = [largest >> i for i in reversed(range(len(strides)))]
    _check(
        strides != [] and strides == deepest and strides[0] > 1,
        "model.attention",
        f"strides {strides}",
        f"the deepest strides, rising, above 1, the last {largest} (as model.channel_multipliers says)",
    )
    for i, level in enumerate(attention):
        _at_least(1, f"model.attention[{i}].kernel", level.kernel)
        _at_least(1, f"model.attention[{i}].radius", level.radius)


def _validate_image_size(model, largest):
    size = model.image_size
    _check(len(size) == 2 and min(size) >= 1, "model.image_size", size, "height and width, two positive integers")
    least = 2 if len(model.attention) > 1 else 3  # What the norms and the windows of the flow's losses need.
    _check(min(size) >= least * largest, "model.image_size", size, f"sides of {least * largest} or more")
    for divisor, reason in ((largest, "the largest stride"), (model.token_stride, "model.token_stride")):
        _check(
            all(side % divisor == 0 for side in size),
            "model.image_size",
            size,
            f"both sides divisible by {divisor}, {reason}",
        )


def _validate_data(data):
    _one_of(RESIZES, "data.resize", data.resize)
    _at_least(0, "data.workers", data.workers)
    _between(0, 1, "data.max_damaged", data.max_damaged)


def _validate_loss(loss):
    _one_of(FLOW_FEATURES, "loss.features", loss.features)
    _at_least(0, "loss.min_snr", loss.min_snr)
    _at_least(0, "loss.least_weight", loss.least_weight)
    if loss.min_snr:
        limit = 1 / loss.min_snr
        _check(loss.least_weight <= limit, "loss.least_weight", loss.least_weight, f"up to {limit:g}, 1 / loss.min_snr")
    _at_least(0, "loss.limb_weight", loss.limb_weight)
    _at_least(0, "loss.correctness_weight", loss.correctness_weight)
    _at_least(0, "loss.affine_weight", loss.affine_weight)
    _at_least(0, "loss.calibrated_weight", loss.calibrated_weight)


def _validate_training(training):
    _check(training.output != "", "training.output", "nothing", "a folder")
    for name in (
        "steps", "batch_size", "accumulation", "log_every", "picture_every", "checkpoint_every", "keep_last",
        "max_skipped", "stall_seconds",
    ):  # fmt: skip
        _at_least(1, f"training.{name}", getattr(training, name))
    for name in ("seed", "warmup_steps", "decay_steps", "keep_every"):
        _at_least(0, f"training.{name}", getattr(training, name))
    for name in ("learning_rate", "gradient_clip"):
        value = getattr(training, name)
        _check(0 < value < math.inf, f"training.{name}", value, "a number above 0")
    _between(0, 1, "training.condition_dropout", training.condition_dropout)
    _check(0 <= training.ema_decay < 1, "training.ema_decay", training.ema_decay, "from 0 to below 1")
    _one_of(PARALLELS, "training.parallel", training.parallel)
    _one_of(PRECISIONS, "training.precision", training.precision)
    _one_of(RECOMPUTED, "training.gradient_checkpointing", training.gradient_checkpointing)


def validate_sampling(sampling, prefix="sampling."):
    """Raise InputError for a SamplingConfig that cannot be used; what it names begins with `prefix`."""
    _one_of(SAMPLERS, f"{prefix}sampler", sampling.sampler)
    _check(sampling.steps in range(1, 1001), f"{prefix}steps", sampling.steps, "a whole number from 1 to 1000")
    _between(100, 999, f"{prefix}start", sampling.start)
    _at_least(0, f"{prefix}guidance", sampling.guidance)
    _one_of(PRECISIONS, f"{prefix}precision", sampling.precision)
    interval = sampling.guidance_interval
    _check(
        len(interval) == 2 and 0 <= interval[0] <= interval[1] <= 999,
        f"{prefix}guidance{'-' if prefix == '--' else '_'}interval",
        " ".join(map(str, interval)),
        "two times t from 0 to 999, the lower one first",
    )
    if sampling.sampler in ("ddim", "ddpm"):
        first = 1000 // sampling.steps * (sampling.steps - 1)
        _check(
            first >= 800,
            f"{prefix}steps",
            sampling.steps,
            f"a number whose equal steps begin near t = 1000, such as 50 or 500, for {sampling.sampler}",
        )


def _check(holds, key, value, expected):
    if not holds:
        raise InputError(f"{key}: expected {expected}; got {value}")


def _at_least(least, key, value):
    _check(least <= value < math.inf, key, value, f"{least} or more")


def _between(low, high, key, value):
    _check(low <= value <= high, key, value, f"from {low} to {high}")


def _one_of(choices, key, value):
    _check(value in choices, key, value, f"one of {', '.join(choices)}")
