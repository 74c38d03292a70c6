"""The fast ways of computing the networks equal the plain path."""

import contextlib
import dataclasses

import pytest
import torch

from models.layers import ResBlock
from models.plain import is_plain, plain_path
from models.pose_transfer import PoseTransferModel
from tests.models.test_pose_transfer import batch, shaken
from tests.tiny import tiny_model_config

CONFIGS = {
    "tiny": {},
    "groups across a seam": {"channels": 64, "channel_multipliers": [1, 2, 4, 4, 4]},
    "not calibrated": {"self_calibration": False},
    "no flow": {"flow": False, "self_calibration": False},
    "no msff": {"msff": False},
}


@pytest.fixture(params=CONFIGS.values(), ids=list(CONFIGS))
def model(request):
    return shaken(tiny_model_config(**request.param))


def assert_equal(ours, plain):
    assert (ours - plain).abs().max() <= 1e-5 * plain.abs().max()


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("t", [[7, 600], [600]])
def test_predictions_of_both_branches_equal_those_of_the_plain_path(model, t, gradients):
    with torch.set_grad_enabled(gradients):
        compare_branches(model, torch.tensor(t), keep=None)
        compare_branches(model, torch.tensor(t), keep=torch.tensor([True, False]))


def compare_branches(model, t, keep):
    noisy, source_image, source_pose, target_pose = batch()
    inputs = noisy["x_t"], t, target_pose
    fast = dataclasses.replace(model.encode(source_image, source_pose, target_pose), keep=keep)
    both = model.denoise_both(*inputs, fast)
    each = model.denoise(*inputs, fast), model.denoise(*inputs, None)
    with plain_path():
        condition = dataclasses.replace(model.encode(source_image, source_pose, target_pose), keep=keep)
        assert condition.sites == {}
        plain = model.denoise_both(*inputs, condition)
    assert not torch.allclose(*plain, atol=1e-3)
    for own, single, expected in zip(both, each, plain, strict=True):
        assert_equal(own, expected)
        assert_equal(single, expected)


def test_gradients_equal_those_of_the_plain_path(model):
    noisy, source_image, source_pose, target_pose = batch()
    model.train()

    def gradients():
        prediction, *_ = model(**noisy, source_image=source_image, source_pose=source_pose, target_pose=target_pose,
                              keep=torch.tensor([True, False]))  # fmt: skip
        return torch.autograd.grad(prediction.square().mean(), list(model.parameters()), allow_unused=True)

    fast = gradients()
    with plain_path():
        plain = gradients()
    norm = torch.stack([gradient.norm() for gradient in plain if gradient is not None]).norm()
    for (name, _), own, expected in zip(model.named_parameters(), fast, plain, strict=True):
        assert (own is None) == (expected is None), name
        if own is not None:
            assert (own - expected).norm() <= 1e-5 * norm, name


@torch.no_grad()
def test_poses_that_share_a_source_are_encoded_as_if_each_had_its_own(model):
    _, source_image, source_pose, target_pose = batch(count=2)
    poses = torch.cat([target_pose, target_pose.flip(3)])
    shared = model.encode(source_image, source_pose, poses, sources=[1, 0, 1, 1])
    rows = torch.tensor([1, 0, 1, 1])
    each = model.encode(source_image[rows], source_pose[rows], poses)
    x_t, t = torch.randn(4, 3, 32, 32), torch.tensor([300])
    assert_equal(model.denoise(x_t, t, poses, shared), model.denoise(x_t, t, poses, each))


@torch.no_grad()
def test_what_comes_before_the_first_attention_is_computed_once():
    model = shaken(tiny_model_config())
    noisy, source_image, source_pose, target_pose = batch()
    condition = model.encode(source_image, source_pose, target_pose)
    seen = {}

    def counting(name):
        return lambda _, given: seen.update({name: len(given[0])})

    for name, module in model.denoiser.named_modules():
        if isinstance(module, ResBlock):
            module.register_forward_pre_hook(counting(name))
    model.denoise_both(noisy["x_t"], noisy["t"], target_pose, condition)
    assert {name for name, count in seen.items() if count == 2} == {
        "slim_in.1.down", "slim_in.1.widen", "deep_in.0.down", "deep_in.0.block1", "deep_in.0.block2"
    }  # fmt: skip
    assert set(seen.values()) == {2, 4}


@torch.no_grad()
def test_a_prepared_condition_is_not_prepared_again(monkeypatch):
    model = shaken(tiny_model_config())
    noisy, source_image, source_pose, target_pose = batch()
    condition = model.encode(source_image, source_pose, target_pose)
    monkeypatch.setattr("models.flow_attention.FlowAttention.prepare", lambda *_: pytest.fail("prepared again"))
    model.denoise(**noisy, target_pose=target_pose, condition=condition)


def test_the_plain_path_ends_with_its_block_also_after_an_error():
    with contextlib.suppress(KeyError), plain_path():
        assert is_plain()
        raise KeyError
    assert not is_plain()


def test_maps_are_channels_last_in_the_encoder_and_the_denoiser_but_on_the_plain_path():
    model = PoseTransferModel(tiny_model_config())
    noisy, *given = batch()
    inputs = noisy | dict(zip(("source_image", "source_pose", "target_pose"), given, strict=True)) | {"keep": None}
    layouts = []
    for module in (*model.reference_encoder.modules(), *model.denoiser.modules()):
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(
                lambda _, __, out: layouts.append(out.is_contiguous(memory_format=torch.channels_last))
            )
    model(**inputs)
    assert all(layouts)
    layouts.clear()
    with plain_path():
        model(**inputs)
    assert sum(layouts) < len(layouts) / 2
