"""The network at full size against numbers of the authors' release, on weights that follow from their names."""

import pytest
import torch

from config.schema import ModelConfig
from models.pose_transfer import PoseTransferModel
from tests.release import release_names

TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def outputs(shared_tools):  # noqa: ARG001
    """The model's outputs by the reference numbers' names."""
    from golden_inputs import forward_inputs
    from make_release_checkpoint import state_dict

    weights = state_dict()
    model = PoseTransferModel(ModelConfig()).eval()
    renamed = {ours: torch.cat([weights[name] for name in names]) if len(names) > 1 else weights[names[0]]
               for ours, names in release_names().items()}  # fmt: skip
    model.load_state_dict(renamed)
    x_t, t, source_image, source_pose, target_pose = forward_inputs()
    with torch.no_grad():
        condition = model.encode(source_image, source_pose, target_pose)
        prediction = model.denoise(x_t, t, target_pose, condition)
        prediction_null = model.denoise(x_t, t, target_pose, None)
    outputs = {"prediction": prediction[:, :, ::8, ::8], "prediction_null": prediction_null[:, :, ::8, ::8]}
    for stride, every in ((8, 16), (16, 32), (32, 32)):
        outputs[f"flow_stride{stride}"] = condition.flows[stride]
        outputs[f"mask_stride{stride}"] = condition.masks[stride]
        outputs[f"feature2_stride{stride}"] = condition.features[stride][1][:, ::every]
    return outputs


def test_predictions_flows_masks_and_features_equal_the_release(outputs, golden):
    expected = golden("forward")
    assert outputs.keys() == expected.keys() - {"t"}
    for name, ours in outputs.items():
        error = (ours - expected[name]).abs().max() / expected[name].abs().max()
        assert error < TOLERANCE, name


def test_every_weight_of_the_release_is_ours_or_known_to_be_unused(shared):
    import json
    import re

    release = set(json.loads((shared / "golden" / "release_checkpoint_keys.json").read_text()))
    used = {name for names in release_names().values() for name in names}
    never_run = re.compile(
        r"cond_emb_layers|^encoder\.(time_embed|.*emb_layers)|jump\d\.conv1|\.attn\d\.fully_connect_layer"
    )
    assert used <= release
    assert [name for name in sorted(release - used) if not never_run.search(name)] == []


def test_the_model_has_the_parameters_that_have_an_effect():
    model = PoseTransferModel(ModelConfig())
    assert sum(parameter.numel() for parameter in model.parameters()) == 175_041_364
