import copy

import pytest
import torch

from config.schema import Config, LossConfig
from data.loader import both_directions
from models.pose_transfer import PoseTransferModel
from tests.tiny import tiny_model_config
from training.loss import TrainingLoss


@pytest.fixture
def config():
    model = tiny_model_config(flow=False, self_calibration=False)
    return Config(model=model, loss=LossConfig(features="pixels"))


def measured(config, batch):
    """Of a model that predicts no noise at all: name -> value."""

    def model(x_t, *_):
        return torch.cat([torch.zeros_like(x_t), torch.zeros_like(x_t)], dim=1), None, {}

    losses = TrainingLoss(config, torch.device("cpu"))(model, batch)
    return {name: float(total / count) for name, (total, count) in losses.measured.items()}


def images_of_two():
    """A batch of two pairs, each of which shows the other's target."""
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    return {"source_image": images, "target_image": images.flip(0), "source_pose": torch.rand(2, 20, 32, 32),
            "target_pose": torch.rand(2, 20, 32, 32), "position": torch.arange(2)}  # fmt: skip


def test_errors_are_weighed_by_min_snr_on_request(config):
    batch = images_of_two()
    weighed = copy.deepcopy(config)
    weighed.loss.min_snr = 0.1
    plain, other = measured(config, batch), measured(weighed, batch)
    assert plain["loss"] == pytest.approx(plain["mse"] + plain["vb"], rel=1e-5)
    assert other["mse"] == plain["mse"]
    assert other["vb"] == plain["vb"]

    loss, both = TrainingLoss(weighed, torch.device("cpu")), both_directions(batch)
    t, noise, _ = loss.draw_noise(both["position"], both["direction"], (3, 32, 32))
    weight = ((1 - loss.diffusion.sqrt_alpha_bar[t] ** 2) / loss.diffusion.sqrt_alpha_bar[t] ** 2).clamp(max=10)
    expected = (weight * noise.square().mean(dim=(1, 2, 3))).mean() + plain["vb"]
    assert other["loss"] == pytest.approx(float(expected), rel=1e-4)
    assert other["loss"] != pytest.approx(plain["loss"], rel=0.1)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_self_calibrated_flows_are_trained_by_the_flow_losses_on_request(weight):
    torch.manual_seed(0)
    config = Config(model=tiny_model_config(), loss=LossConfig(features="pixels", calibrated_weight=weight))
    model = PoseTransferModel(config.model)
    losses = TrainingLoss(config, torch.device("cpu"))(model, images_of_two())
    value = {name: float(total / count) for name, (total, count) in losses.measured.items()}
    assert ("correctness_calibrated" in value) == (weight > 0)
    assert not weight or value["correctness_calibrated"] != value["correctness"]
    of_flows = value["correctness"] + 0.0025 * value["affine"]
    of_calibrated = value.get("correctness_calibrated", 0) + 0.0025 * value.get("affine_calibrated", 0)
    expected = value["mse"] + value["vb"] + of_flows + weight * of_calibrated
    assert value["loss"] == pytest.approx(expected, rel=1e-5)

    # The prediction of a new model is zero, so calibration learns from these losses alone.
    losses.total.backward()
    of_calibration = [x.grad for name, x in model.named_parameters() if name.endswith("displacement.weight")]
    assert len(of_calibration) == len(config.model.attention) * 2 + 1
    assert all(gradient.any() == (weight > 0) for gradient in of_calibration)
