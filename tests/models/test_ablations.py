"""What the method adds can be left out, part by part, and nothing else goes with it."""

import pytest
import torch
from torch import nn

from models.pose_transfer import PoseTransferModel
from tests.models.test_pose_transfer import batch, shaken
from tests.tiny import tiny_model_config

PARTS = {  # Settings -> what the names of the parameters that go with them have in common.
    "calibration": ({"self_calibration": False}, (".calibration.",)),
    "flow": (
        {"flow": False, "self_calibration": False},
        ("flow_net.", ".attention.calibration.", ".attention.attention."),
    ),
    "msff": ({"msff": False}, (".fusion.",)),
}


def outputs(model):
    noisy, source_image, source_pose, target_pose = batch()
    condition = model.encode(source_image, source_pose, target_pose)
    return model.denoise(**noisy, target_pose=target_pose, condition=condition)


@pytest.fixture(params=PARTS)
def part(request):
    return request.param


@pytest.fixture
def both(part):
    """The whole model, and one without the part that has the same weights otherwise."""
    settings, parts = PARTS[part]
    whole, without = shaken(tiny_model_config()), PoseTransferModel(tiny_model_config(**settings)).eval()
    kept = {name: value for name, value in whole.state_dict().items() if not any(word in name for word in parts)}
    without.load_state_dict(kept)  # Strict: neither more nor fewer names.
    return whole, without


@torch.no_grad()
def test_a_part_left_out_is_what_the_whole_computes_without_it(both, part, monkeypatch):
    whole, without = both
    torch.manual_seed(1)
    expected = outputs(without)
    torch.manual_seed(1)
    assert not torch.allclose(outputs(whole), expected, atol=1e-3)

    if part == "calibration":
        monkeypatch.setattr("models.flow_attention.SelfCalibration.forward", lambda *given: given[2].flow)
    elif part == "flow":
        monkeypatch.setattr("models.flow_attention.FlowAttention.forward", lambda *given: (given[2].feature, None))
    else:
        whole.denoiser.fusion = nn.Identity()
    torch.manual_seed(1)
    torch.testing.assert_close(outputs(whole), expected)


def test_every_parameter_that_is_left_has_a_gradient(both):
    _, without = both
    without.train()
    noisy, source_image, source_pose, target_pose = batch()
    prediction, condition, _ = without(**noisy, source_image=source_image, source_pose=source_pose,
                                       target_pose=target_pose, keep=torch.tensor([True, True]))  # fmt: skip
    total = prediction.square().mean() + sum(flow.square().mean() for flow in condition.flows.values())
    total.backward()
    assert [name for name, parameter in without.named_parameters() if parameter.grad is None] == []


def test_without_a_flow_there_are_no_flows_to_look_at():
    model = PoseTransferModel(tiny_model_config(flow=False, self_calibration=False)).eval()
    _, source_image, source_pose, target_pose = batch()
    condition = model.encode(source_image, source_pose, target_pose)
    assert condition.flows == condition.masks == {}
