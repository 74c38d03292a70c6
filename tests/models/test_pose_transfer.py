import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from config.schema import AttentionLevel, Config
from models.pose_transfer import PoseTransferModel
from system.errors import InputError
from tests.tiny import tiny_model_config


def shaken(config):
    """A model without zero-initialised layers, so that everything in it shows in its output."""
    model = PoseTransferModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def batch(size=(32, 32), count=2):
    pictures = torch.rand(3, count, 3, *size) * 2 - 1
    poses = torch.rand(2, count, 20, *size)
    x_t, source_image = pictures[0], pictures[1]
    return {"x_t": x_t, "t": torch.tensor([7, 600])[:count]}, source_image, poses[0], poses[1]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return shaken(tiny_model_config())


@torch.no_grad()
def test_training_forward_equals_encode_and_denoise_with_and_without_the_condition(model):
    noisy, source_image, source_pose, target_pose = batch()
    condition = model.encode(source_image, source_pose, target_pose)
    kept = model.denoise(**noisy, target_pose=target_pose, condition=condition)
    dropped = model.denoise(**noisy, target_pose=target_pose, condition=None)
    assert kept.shape == (2, 6, 32, 32)
    assert not torch.allclose(kept, dropped, atol=1e-3)

    keep = torch.tensor([True, False])
    prediction, *_ = model(**noisy, source_image=source_image, source_pose=source_pose, target_pose=target_pose,
                          keep=keep)  # fmt: skip
    torch.testing.assert_close(prediction[0], kept[0])
    torch.testing.assert_close(prediction[1], dropped[1])


@pytest.mark.parametrize(("parts", "most"), [("blocks", 0.7), ("levels", 0.4)])
def test_parts_computed_again_give_the_same_gradients_and_keep_less(parts, most):
    noisy, source_image, source_pose, target_pose = batch()
    gradients, kept = [], []
    for recompute in ("none", parts):
        torch.manual_seed(0)
        model = shaken(tiny_model_config(dropout=0.5)).train()
        model.recompute(recompute)
        sizes = []

        def keep(tensor, sizes=sizes):
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            prediction, *_ = model(**noisy, source_image=source_image, source_pose=source_pose, target_pose=target_pose,
                                  keep=torch.tensor([True, False]))  # fmt: skip
        prediction.square().mean().backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
        kept.append(sum(sizes))
    assert kept[1] < most * kept[0]
    for name, expected in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], expected, rtol=1e-5, atol=1e-7, msg=name)


@torch.no_grad()
def test_flows_and_masks_stand_at_each_attention_stride(model):
    _, source_image, source_pose, target_pose = batch()
    condition = model.encode(source_image, source_pose, target_pose)
    for stride in (4, 8, 16):
        side = 32 // stride
        assert condition.flows[stride].shape == (2, 2, side, side)
        assert condition.masks[stride].shape == (2, 1, side, side)
        assert all(feature.shape[2:] == (side, side) for feature in condition.features[stride])


@torch.no_grad()
def test_each_input_has_an_effect(model):
    noisy, source_image, source_pose, target_pose = batch()

    def predict(**changes):
        inputs = {**noisy, "source_image": source_image, "source_pose": source_pose, "target_pose": target_pose}
        return model(**{**inputs, **changes}, keep=torch.tensor([True, True]))[0]

    expected = predict()
    for changes in (
        {"x_t": noisy["x_t"].flip(3)},
        {"t": noisy["t"] + 100},
        {"source_image": source_image.flip(3)},
        {"source_pose": source_pose.flip(3)},
        {"target_pose": target_pose.flip(3)},
    ):
        assert (predict(**changes) - expected).abs().max() > 1e-3, changes.keys()


def test_every_parameter_has_a_gradient():
    model = shaken(tiny_model_config()).train()
    noisy, source_image, source_pose, target_pose = batch()
    prediction, condition, _ = model(**noisy, source_image=source_image, source_pose=source_pose,
                                     target_pose=target_pose, keep=torch.tensor([True, True]))  # fmt: skip
    (prediction.square().sum() + sum(flow.square().sum() for flow in condition.flows.values())).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_no_parameter_is_left_out_of_the_graph_when_all_conditions_are_dropped():
    model = PoseTransferModel(tiny_model_config())
    noisy, source_image, source_pose, target_pose = batch()
    prediction, *_ = model(**noisy, source_image=source_image, source_pose=source_pose, target_pose=target_pose,
                          keep=torch.tensor([False, False]))  # fmt: skip
    prediction.sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@torch.no_grad()
@pytest.mark.parametrize(
    "changes",
    [
        {"image_size": [64, 32]},
        {"image_size": [32, 48], "token_stride": 4},
        {"channel_multipliers": [1, 2, 4], "attention": [AttentionLevel(2, 3, 4), AttentionLevel(4, 1, 2)]},
        {"channel_multipliers": [1, 1, 2, 1], "attention": [AttentionLevel(8, 5, 2)]},
        {"channels": 64},
    ],
)
def test_other_sizes_follow_the_same_rules(changes):
    config = tiny_model_config(**changes)
    noisy, source_image, source_pose, target_pose = batch(config.image_size)
    model = shaken(config)
    condition = model.encode(source_image, source_pose, target_pose)
    assert set(condition.flows) == {level.stride for level in config.attention}
    prediction = model.denoise(**noisy, target_pose=target_pose, condition=condition)
    assert prediction.shape == (2, 6, *config.image_size)


@torch.no_grad()
def test_a_picture_does_not_depend_on_its_batch(model):
    noisy, source_image, source_pose, target_pose = batch()
    keep = torch.tensor([True, True])
    both = model(**noisy, source_image=source_image, source_pose=source_pose, target_pose=target_pose, keep=keep)[0]
    noisy = {name: value[1:] for name, value in noisy.items()}
    alone = model(**noisy, source_image=source_image[1:], source_pose=source_pose[1:], target_pose=target_pose[1:],
                  keep=keep[1:])[0]  # fmt: skip
    torch.testing.assert_close(alone, both[1:], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_saved_and_loaded_models_are_the_same(model, tmp_path):
    noisy, source_image, source_pose, target_pose = batch()
    model.save_pretrained(tmp_path)
    loaded = PoseTransferModel.from_pretrained(tmp_path)
    assert loaded.config == model.config
    assert not loaded.training
    inputs = {**noisy, "source_image": source_image, "source_pose": source_pose, "target_pose": target_pose}
    assert torch.equal(loaded(**inputs, keep=None)[0], model(**inputs, keep=None)[0])


def test_the_whole_experiment_can_be_saved_with_the_weights(model, tmp_path):
    from config.load import load_config

    experiment = Config(model=dataclasses.replace(model.config))
    experiment.sampling.steps = 7
    model.save_pretrained(tmp_path, experiment)
    assert load_config(tmp_path / "config.yaml") == experiment


def test_weights_that_are_missing_damaged_or_of_another_architecture_are_named(model, tmp_path):
    model.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = load_file(path)

    def refused(*words):
        with pytest.raises(InputError) as caught:
            PoseTransferModel.from_pretrained(tmp_path)
        assert str(caught.value).startswith(str(path))
        assert all(word in str(caught.value) for word in words)

    save_file({name: tensor for name, tensor in weights.items() if name != "denoiser.stem.bias"}, path)
    refused("denoiser.stem.bias is missing")
    save_file(weights | {"more": torch.zeros(1)}, path)
    refused("more is unknown")
    save_file(weights | {"denoiser.stem.bias": torch.zeros(3)}, path)
    refused("denoiser.stem.bias is (3,), not (32,)")
    path.write_bytes(path.read_bytes()[:1000])
    refused("not a whole safetensors file")
    path.write_bytes(b"")
    refused("not a whole safetensors file")
    path.unlink()
    refused("no such file")


def test_a_folder_without_a_configuration_is_refused(tmp_path):
    with pytest.raises(InputError, match=r": holds neither a checkpoint \(config\.yaml, "):
        PoseTransferModel.from_pretrained(tmp_path)


def test_the_saved_configuration_is_plain_text(model, tmp_path):
    model.save_pretrained(tmp_path)
    assert "image_size" in (tmp_path / "config.yaml").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "config.yaml", "model.safetensors"]
    header = (tmp_path / "model.safetensors").read_bytes()
    assert "denoiser.stem.weight" in json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])
