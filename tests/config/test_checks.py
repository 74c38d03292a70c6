import pytest

from config.checks import validate
from config.schema import AttentionLevel, Config
from system.errors import InputError


def set_key(config, key, value):
    *sections, name = key.split(".")
    for section in sections:
        config = getattr(config, section)
    setattr(config, name, value)


def levels(*strides):
    return [AttentionLevel(stride, 3, 4) for stride in strides]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.image_size", [256]),
        ("model.image_size", [256, 256, 3]),
        ("model.image_size", [256, 0]),
        ("model.image_size", [256, -32]),
        ("model.image_size", [256, 176]),  # Not divisible by stride 32.
        ("model.token_stride", 6),
        ("model.token_stride", 0),
        ("model.channels", 48),
        ("model.channels", 0),
        ("model.channel_multipliers", []),
        ("model.channel_multipliers", [1]),
        ("model.dropout", 1.5),
        ("model.flow", False),  # With self-calibration of a flow that is not there.
        ("model.attention", []),
        ("model.attention", levels(8, 16)),
        ("model.attention", levels(8, 32)),
        ("model.attention", levels(32, 16, 8)),
        ("model.attention", levels(1, 2, 4, 8, 16, 32)),
        ("model.attention", levels(16, 32, 64)),
        ("data.workers", -1),
        ("data.max_damaged", -0.1),
        ("data.max_damaged", 1.1),
        ("data.max_damaged", float("nan")),
        ("loss.features", "vgg16"),
        ("loss.correctness_weight", -1.0),
        ("loss.affine_weight", float("nan")),
        ("training.steps", 0),
        ("training.batch_size", 0),
        ("training.accumulation", 0),
        ("training.log_every", 0),
        ("training.picture_every", 0),
        ("training.checkpoint_every", 0),
        ("training.keep_last", 0),
        ("training.keep_every", -1),
        ("training.seed", -1),
        ("training.warmup_steps", -1),
        ("training.learning_rate", 0.0),
        ("training.learning_rate", float("inf")),
        ("training.gradient_clip", 0.0),
        ("training.condition_dropout", 1.1),
        ("training.ema_decay", 1.0),
        ("training.precision", "fp32"),
        ("training.gradient_checkpointing", "all"),
        ("sampling.precision", "fp64"),
        ("sampling.start", 99),
        ("sampling.start", 1000),
        ("sampling.guidance_interval", [400]),
        ("sampling.guidance_interval", [400, 100]),
        ("sampling.guidance_interval", [-1, 100]),
        ("sampling.guidance_interval", [0, 1000]),
        ("sampling.sampler", "euler"),
        ("sampling.steps", 0),
        ("sampling.steps", 1001),
        ("sampling.guidance", -0.5),
        ("sampling.guidance", float("nan")),
    ],
)
def test_a_value_that_cannot_run_is_refused_by_its_key(key, value):
    config = Config()
    set_key(config, key, value)
    with pytest.raises(InputError, match=rf"^{key}: "):
        validate(config)


def test_the_least_weight_of_an_error_is_not_above_the_largest():
    config = Config()
    config.loss.least_weight = 11
    validate(config)  # It says nothing where errors are not weighed.
    config.loss.min_snr = 0.1
    with pytest.raises(InputError, match=r"^loss\.least_weight: .*up to 10, 1 / loss\.min_snr"):
        validate(config)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.image_size", [512, 352]),
        ("model.attention", levels(2, 4, 8, 16, 32)),
        ("model.attention", levels(32)),
        ("training.ema_decay", 0.0),
        ("training.keep_every", 0),
        ("training.precision", "tf32"),
        ("sampling.start", 100),
        ("sampling.guidance_interval", [500, 500]),
        ("training.condition_dropout", 1.0),
        ("sampling.steps", 1000),
        ("sampling.guidance", 0.0),
        ("data.workers", 0),
        ("data.max_damaged", 0.0),
        ("data.max_damaged", 1.0),
    ],
)
def test_a_value_at_the_edge_is_accepted(key, value):
    config = Config()
    set_key(config, key, value)
    validate(config)
