"""The network at full size against numbers of the authors' release, through its checkpoint file and the converter."""

import shutil

import numpy as np
import pytest
import torch

from diffusion.samplers import guided, make_scheduler, sample
from models.pose_transfer import PoseTransferModel
from tests.processes import run

TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def model(shared, shared_tools, tmp_path_factory):  # noqa: ARG001
    """The model with the weights that belong to the reference numbers, as the converter gives it."""
    folder = tmp_path_factory.mktemp("golden")
    run(shared / "tools" / "make_release_checkpoint.py", folder / "release.pt")
    run("scripts/convert_checkpoint.py", folder / "release.pt", "--out", folder / "converted")
    yield PoseTransferModel.from_pretrained(folder / "converted")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def inputs(shared_tools):  # noqa: ARG001
    from golden_inputs import forward_inputs

    names = ("x_t", "t", "source_image", "source_pose", "target_pose")
    return dict(zip(names, forward_inputs(), strict=True))


@pytest.fixture(scope="module")
def condition(model, inputs):
    with torch.no_grad():
        return model.encode(inputs["source_image"], inputs["source_pose"], inputs["target_pose"])


def assert_equal(ours, expected, name):
    error = (ours - expected).abs().max() / expected.abs().max()
    assert error < TOLERANCE, name


@torch.no_grad()
def test_predictions_flows_masks_and_features_equal_the_release(model, inputs, condition, golden):
    outputs = {}
    for stride, every in ((8, 16), (16, 32), (32, 32)):
        outputs[f"flow_stride{stride}"] = condition.flows[stride]
        outputs[f"mask_stride{stride}"] = condition.masks[stride]
        outputs[f"feature2_stride{stride}"] = condition.features[stride][1][:, ::every]
    for name, given in (("prediction", condition), ("prediction_null", None)):
        prediction = model.denoise(inputs["x_t"], inputs["t"], inputs["target_pose"], given)
        outputs[name] = prediction[:, :, ::8, ::8]
    expected = golden("forward")
    assert outputs.keys() == expected.keys() - {"t"}
    for name, ours in outputs.items():
        assert_equal(ours, expected[name], name)


@torch.no_grad()
@pytest.mark.parametrize("guidance", [1, 2])
def test_guided_predictions_equal_those_of_the_release(model, inputs, condition, golden, guidance):
    expected = golden("forward")
    noise, null = (expected[name][:, :3] for name in ("prediction", "prediction_null"))
    prediction = guided(model, inputs["target_pose"], condition, guidance)(inputs["x_t"], inputs["t"])[:, :, ::8, ::8]
    assert_equal(prediction[:, :3], null + guidance * (noise - null), "noise")
    assert_equal(prediction[:, 3:], expected["prediction"][:, 3:], "variance")


@torch.no_grad()
def test_ddim_with_the_settings_of_the_release_equals_it_written_out(model, inputs):
    steps, guidance = 3, 2.0
    x_t, source_image, source_pose, target_pose = (
        inputs[name][:1] for name in ("x_t", "source_image", "source_pose", "target_pose")
    )
    condition = model.encode(source_image, source_pose, target_pose)
    scheduler = make_scheduler("ddim", steps, clip=False)
    ours = sample(guided(model, target_pose, condition, guidance), x_t, scheduler)

    betas = np.linspace(1e-4, 2e-2, 1000)
    alpha_bar = np.cumprod(1 - betas)
    x = x_t.double()
    times = [666, 333, 0]
    for i, time in enumerate(times):
        t = torch.tensor([time])
        conditional = model.denoise(x.float(), t, target_pose, condition)[:, :3].double()
        unconditional = model.denoise(x.float(), t, target_pose, None)[:, :3].double()
        noise = unconditional + guidance * (conditional - unconditional)
        now = alpha_bar[time]
        then = alpha_bar[times[i + 1]] if i + 1 < steps else 1.0
        x_0 = (x - np.sqrt(1 - now) * noise) / np.sqrt(now)
        x = np.sqrt(then) * x_0 + np.sqrt(1 - then) * noise
    assert ours.abs().max() > 1.5  # Nothing was clipped.
    assert (ours - x).abs().max() / x.abs().max() < 1e-3
