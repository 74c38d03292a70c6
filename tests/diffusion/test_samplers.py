import numpy as np
import pytest
import torch

from config.checks import SAMPLERS
from diffusion.gaussian import GaussianDiffusion
from diffusion.samplers import guided, image_generators, initial_noise, make_scheduler, noised, sample
from tests.models.test_pose_transfer import batch, shaken
from tests.tiny import tiny_model_config

DIFFUSION = GaussianDiffusion()
MEAN, SPREAD = 0.4, 0.3


def gaussian_data(x_t, t):
    """The exact noise prediction for data that are normal with MEAN and SPREAD, and v for the posterior's variance."""
    alpha = DIFFUSION.sqrt_alpha_bar[t].float()[:, None, None, None]
    sigma = DIFFUSION.sqrt_one_minus_alpha_bar[t].float()[:, None, None, None]
    noise = sigma * (x_t - alpha * MEAN) / (alpha**2 * SPREAD**2 + sigma**2)
    return torch.cat([noise, -torch.ones_like(noise)], dim=1)


@pytest.mark.parametrize(("sampler", "steps"), [("ddim", 50), ("ddpm", 1000), ("dpm++", 20), ("unipc", 20)])
def test_samplers_draw_from_the_distribution_that_the_denoiser_knows(sampler, steps):
    generators = image_generators(0, [f"{i}" for i in range(4)])
    noise = initial_noise(generators, (32, 32))
    pictures = sample(gaussian_data, noise, make_scheduler(sampler, steps, clip=False), generators)
    assert pictures.mean().item() == pytest.approx(MEAN, abs=0.03)
    assert pictures.std().item() == pytest.approx(SPREAD, abs=0.03)


@pytest.mark.parametrize(("sampler", "steps"), [("ddim", 50), ("ddpm", 1000), ("dpm++", 30), ("unipc", 30)])
def test_drawing_may_start_from_a_noised_picture(sampler, steps):
    scheduler = make_scheduler(sampler, steps, clip=False)
    generators = image_generators(0, [f"{i}" for i in range(4)])
    picture = MEAN + SPREAD * torch.randn(4, 3, 32, 32)
    noise = initial_noise(generators, (32, 32))
    x_t, first = noised(picture, noise, scheduler, 700)
    t = scheduler.timesteps[first]
    assert t <= 700 < scheduler.timesteps[first - 1]
    expected = DIFFUSION.q_sample(picture, torch.tensor([int(t)]), noise)
    torch.testing.assert_close(x_t, expected, atol=0.02, rtol=0)  # Times between two whole ones are rounded.

    seen = []
    pictures = sample(lambda x, t: seen.append(int(t)) or gaussian_data(x, t), x_t, scheduler, generators, first)
    assert max(seen) == int(t)
    assert len(seen) == len(scheduler.timesteps) - first
    assert pictures.mean().item() == pytest.approx(MEAN, abs=0.03)
    assert pictures.std().item() == pytest.approx(SPREAD, abs=0.03)
    assert noised(picture, noise, make_scheduler(sampler, steps, clip=False), 999) == (noise, 0)


def test_ddim_equals_its_formula_with_the_releases_settings():
    x = noise = torch.randn(2, 3, 8, 8)
    alpha_bar = torch.cumprod(1 - torch.linspace(1e-4, 2e-2, 1000, dtype=torch.float64), dim=0)
    steps = list(range(0, 1000, 20))
    for i in reversed(range(50)):
        t = torch.full((2,), steps[i])
        now, before = alpha_bar[steps[i]], alpha_bar[steps[i - 1]] if i else torch.tensor(1.0)
        eps = gaussian_data(x, t)[:, :3] + 0.1 * x.sin()
        x = before.sqrt() * (x - (1 - now).sqrt() * eps) / now.sqrt() + (1 - before).sqrt() * eps
        x = x.float()

    def denoise(x_t, t):
        output = gaussian_data(x_t, t)
        return output + torch.cat([0.1 * x_t.sin(), torch.zeros_like(x_t)], dim=1)

    seen = []
    scheduler = make_scheduler("ddim", 50, clip=False)
    ours = sample(lambda x_t, t: seen.append(t[0].item()) or denoise(x_t, t), noise, scheduler)
    assert seen == steps[::-1]
    torch.testing.assert_close(ours, x, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_picture_depends_on_its_seed_and_name_alone(sampler):
    def draw(names, seed=3):
        generators = image_generators(seed, names)
        scheduler = make_scheduler(sampler, 5, clip=False)
        return sample(gaussian_data, initial_noise(generators, (8, 8)), scheduler, generators)

    together, alone, other = draw(["a", "b", "c"]), draw(["b"]), draw(["b"], seed=4)
    torch.testing.assert_close(together[1:2], alone)
    assert not torch.allclose(together[0], together[1])
    assert not torch.allclose(alone, other)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [5, 50, 1000])
def test_any_number_of_steps_makes_that_many_calls(sampler, steps):
    calls = []
    noise = torch.randn(1, 3, 2, 2)
    generators = image_generators(0, ["x"])
    scheduler = make_scheduler(sampler, steps, clip=False)
    out = sample(lambda x, t: calls.append(t) or gaussian_data(x, t), noise, scheduler, generators)
    assert len(calls) == steps
    assert out.isfinite().all()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_clipping_holds_what_is_aimed_at_within_the_range_of_pictures(sampler):
    def denoise(x_t, t):  # Always aims at x_0 = 3.
        alpha = DIFFUSION.sqrt_alpha_bar[t].float()[:, None, None, None]
        noise = (x_t - 3 * alpha) / DIFFUSION.sqrt_one_minus_alpha_bar[t].float()[:, None, None, None]
        return torch.cat([noise, -torch.ones_like(noise)], dim=1)

    def draw(clip):
        generators = image_generators(0, ["x"])
        return sample(denoise, torch.randn(1, 3, 4, 4), make_scheduler(sampler, 10, clip), generators)

    assert draw(clip=False).mean().item() == pytest.approx(3, abs=0.05)
    assert draw(clip=True).mean().item() == pytest.approx(1, abs=0.05)


class Answers:
    """A model whose prediction says whether it saw a condition."""

    def __init__(self):
        self.calls = []

    def denoise(self, _x_t, _t, _target_pose, condition):
        self.calls.append(condition)
        value = 1.0 if condition is None else 3.0
        return torch.full((1, 6, 2, 2), value)

    def denoise_both(self, x_t, t, target_pose, condition):
        return self.denoise(x_t, t, target_pose, condition), self.denoise(x_t, t, target_pose, None)


@pytest.mark.parametrize(("guidance", "noise", "calls"), [(0, 1.0, 1), (1, 3.0, 1), (2, 5.0, 2), (0.5, 2.0, 2)])
def test_guidance_goes_from_the_unconditional_prediction_through_the_conditional_one(guidance, noise, calls):
    model = Answers()
    output = guided(model, None, "condition", guidance)(torch.zeros(1, 3, 2, 2), torch.zeros(1))
    assert (output[:, :3] == noise).all()
    assert len(model.calls) == calls
    if guidance:
        assert (output[:, 3:] == 3.0).all()


@pytest.mark.parametrize(("t", "guided_there"), [(99, False), (100, True), (400, True), (401, False)])
def test_outside_the_interval_the_condition_alone_is_followed(t, guided_there):
    model = Answers()
    output = guided(model, None, "condition", 2, (100, 400))(torch.zeros(1, 3, 2, 2), torch.tensor([t]))
    assert (output[:, :3] == (5.0 if guided_there else 3.0)).all()
    assert model.calls == (["condition", None] if guided_there else ["condition"])


@torch.no_grad()
def test_guided_ddim_of_a_network_equals_it_written_out():
    steps, guidance = 10, 2.0
    model = shaken(tiny_model_config())
    noisy, source_image, source_pose, target_pose = batch()
    condition = model.encode(source_image, source_pose, target_pose)
    ours = sample(
        guided(model, target_pose, condition, guidance), noisy["x_t"], make_scheduler("ddim", steps, clip=False)
    )

    alpha_bar = np.cumprod(1 - np.linspace(1e-4, 2e-2, 1000))
    x = noisy["x_t"].double()
    times = [900, 800, 700, 600, 500, 400, 300, 200, 100, 0]
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
