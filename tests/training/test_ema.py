import pytest
import torch
from torch import nn

from training.ema import EMA


def networks():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    return model, EMA(model, decay=0.9, warmup_steps=2)


def shift(model, amount):
    with torch.no_grad():
        for tensor in (*model.parameters(), model.get_buffer("1.running_mean")):
            tensor.add_(amount)


def test_the_average_is_a_plain_copy_until_the_warm_up_ends_and_then_follows_slowly():
    model, ema = networks()
    start = model.get_parameter("0.weight").clone()
    shift(model, 1.0)
    ema.update(model, step=2)
    assert torch.equal(ema.model[0].weight, start + 1)
    shift(model, 1.0)
    ema.update(model, step=3)
    torch.testing.assert_close(ema.model[0].weight, start + 1.1)


def test_buffers_are_copied_not_averaged():
    model, ema = networks()
    shift(model, 1.0)
    ema.update(model, step=3)
    assert torch.equal(*(each.get_buffer("1.running_mean") for each in (ema.model, model)))


def test_a_model_with_other_names_is_refused():
    _, ema = networks()
    with pytest.raises(ValueError, match="not those of its average"):
        ema.update(nn.Linear(2, 2), step=1)
