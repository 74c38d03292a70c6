"""The network at full size against numbers of the authors' release, through its checkpoint file and the converter."""

import shutil

import pytest
import torch

from diffusion.samplers import guided
from models.pose_transfer import PoseTransferModel
from tests.warm import run

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
    from golden_inputs import forward_inputs  # pyright: ignore[reportMissingImports] (of shared_tools)

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
@pytest.mark.parametrize("guidance", [pytest.param(1, marks=pytest.mark.long), 2])
def test_guided_predictions_equal_those_of_the_release(model, inputs, condition, golden, guidance):
    expected = golden("forward")
    noise, null = (expected[name][:, :3] for name in ("prediction", "prediction_null"))
    prediction = guided(model, inputs["target_pose"], condition, guidance)(inputs["x_t"], inputs["t"])[:, :, ::8, ::8]
    assert_equal(prediction[:, :3], null + guidance * (noise - null), "noise")
    assert_equal(prediction[:, 3:], expected["prediction"][:, 3:], "variance")
