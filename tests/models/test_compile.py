"""The networks can be compiled as a whole: torch captures them without a break, and the capture computes the same."""

import pytest
import torch

from diffusion.precision import compile_for_sampling, compile_for_training
from tests.models.test_pose_transfer import batch, shaken
from tests.tiny import tiniest_model_config
from training.trainer import Trainer


@pytest.fixture
def captured(monkeypatch):
    """Compile by capturing alone: generating code takes a minute, and is torch's business."""
    compiled = []

    def capture(module, **options):
        compiled.append((module, options))
        module._compiled_call_impl = torch.compile(module._call_impl, backend="eager", fullgraph=True, dynamic=False)

    monkeypatch.setattr(torch.nn.Module, "compile", capture)
    yield compiled
    torch.compiler.reset()


@torch.no_grad()
def test_the_denoiser_is_captured_for_sampling(captured):
    model = shaken(tiniest_model_config())
    noisy, source_image, source_pose, target_pose = batch()
    condition = model.encode(source_image, source_pose, target_pose)
    inputs = noisy["x_t"], torch.tensor([500]), target_pose, condition
    expected = model.denoise_both(*inputs)
    compile_for_sampling(model)
    assert [(module is model.denoiser, options) for module, options in captured] == [
        (True, {"dynamic": False, "mode": "default"})
    ]
    for own, wanted in zip(model.denoise_both(*inputs), expected, strict=True):
        torch.testing.assert_close(own, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("flow", "recomputed"), [(True, "none"), (False, "none"), (True, "levels")])
def test_all_networks_are_captured_for_training(captured, flow, recomputed):
    model = shaken(tiniest_model_config(flow=flow, self_calibration=flow)).train()
    model.recompute(recomputed)
    noisy, source_image, source_pose, target_pose = batch()

    def gradients():
        prediction, *_ = model(**noisy, source_image=source_image, source_pose=source_pose, target_pose=target_pose,
                              keep=torch.tensor([True, False]))  # fmt: skip
        return torch.autograd.grad(prediction.square().mean(), list(model.parameters()), allow_unused=True)

    expected = gradients()
    compile_for_training(model)
    assert len(captured) == (3 if flow else 2)
    for own, wanted in zip(gradients(), expected, strict=True):
        assert (own is None) == (wanted is None)
        if wanted is not None:
            torch.testing.assert_close(own, wanted, rtol=1e-4, atol=1e-5)


def test_a_run_that_is_asked_to_compiles_its_networks(captured, experiment):
    experiment.training.compile, experiment.training.steps = True, 1
    assert Trainer(experiment).run() == 0
    assert len(captured) == 3
