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
        ("model.attention", levels(8, 16)),
        ("model.attention", levels(8, 32)),
        ("model.attention", levels(32, 16, 8)),
        ("model.attention", levels(1, 2, 4, 8, 16, 32)),
        ("model.attention", levels(16, 32, 64)),
        ("data.max_damaged", float("nan")),
        ("loss.affine_weight", float("nan")),
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
