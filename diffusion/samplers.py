"""Samplers over `denoise(x_t, t) -> (B, 6, H, W)`, and guidance as a closure around the model.

The schedulers are diffusers'. "ddim", not clipped, is the release's: leading spacing, final alpha 1, eta 0.
"dpm++" and "unipc" are of second order, in steps of equal size in the logarithm of the noise level: steps of equal size
in t end far from the picture when they are few, and divide by zero when they are many. benchmarks/solvers.py measures
how near each comes to where many small steps end.
"""

import collections
import zlib
from typing import NamedTuple

import torch

from diffusion.gaussian import BETA_FIRST, BETA_LAST, STEPS
from system.seeds import derived_seed, seeded

SCHEDULE = {"num_train_timesteps": STEPS, "beta_start": BETA_FIRST, "beta_end": BETA_LAST, "beta_schedule": "linear"}


def make_scheduler(sampler, steps, clip):
    """The diffusers scheduler called `sampler` (see config.checks.SAMPLERS), set to a number of steps.

    clip: whether the x_0 that each step aims at is held within [-1, 1].
    """
    # Here: with scipy, which it brings, it takes a second that training need not wait for.
    from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler

    threshold = {"thresholding": clip, "dynamic_thresholding_ratio": 1.0, "sample_max_value": 1.0}
    if sampler == "ddim":
        scheduler = DDIMScheduler(**SCHEDULE, clip_sample=clip, set_alpha_to_one=True, timestep_spacing="leading")
    elif sampler == "ddpm":
        scheduler = DDPMScheduler(**SCHEDULE, clip_sample=clip, variance_type="learned_range")
    elif sampler == "dpm++":
        scheduler = DPMSolverMultistepScheduler(**SCHEDULE, **threshold, use_lu_lambdas=True)
    elif sampler == "unipc":
        scheduler = UniPCMultistepScheduler(**SCHEDULE, **threshold, use_exponential_sigmas=True)
    else:
        raise ValueError(f"no sampler is called {sampler!r}")
    scheduler.set_timesteps(steps)
    return scheduler


class Step(NamedTuple):
    """What a sampler has come to."""

    number: int  # Steps done, of `count`.
    count: int
    t: int  # The time that the step began at.
    x_t: torch.Tensor  # (B, 3, H, W): after the last step the picture, not clipped.
    x_0: torch.Tensor  # (B, 3, H, W): the picture that the step aimed at.


class Kept(NamedTuple):
    """A part of the picture that is given."""

    picture: torch.Tensor  # (B, 3, H, W) in [-1, 1].
    mask: torch.Tensor  # (B, 1, H, W): 1 where the picture is kept, 0 where it is drawn.


@torch.no_grad()
def steps(denoise, x_t, scheduler, generators=None, first=0, kept=None):
    """Generator of a Step after each of the scheduler's, from noise x_t (B, 3, H, W) to a picture.

    generators: one per image, for samplers that draw noise on the way ("ddpm"). first: the number of the first of the
    scheduler's steps, where x_t is what `noised` gives for it. kept: a Kept, towards whose picture each step leads
    within its mask: what is drawn beside it fits (Song et al., "Score-Based Generative Modeling", 2021, I.2).
    """
    learned_variance = scheduler.config.get("variance_type") == "learned_range"
    options = {"generator": generators} if learned_variance else {}
    times = scheduler.timesteps[first:]
    for number, t in enumerate(times):
        output = denoise(x_t, t[None]).float()  # t stays on the CPU, and is the same for all.
        signal, noise = _levels(scheduler, first + number)
        x_0 = (x_t - noise * output[:, :3]) / signal
        if kept:
            x_0 = torch.lerp(x_0, kept.picture, kept.mask)
            output = torch.cat([(x_t - signal * x_0) / noise, output[:, 3:]], dim=1)
        output = output if learned_variance else output[:, :3]
        x_t = scheduler.step(output, t, x_t, **options).prev_sample
        yield Step(number + 1, len(times), int(t), x_t, x_0)


def _levels(scheduler, number):
    """Of the scheduler's step `number`: the factors of picture and noise in its x_t."""
    if hasattr(scheduler, "sigmas"):
        sigma = scheduler.sigmas[number].double()
        signal = 1 / (1 + sigma.square()).sqrt()
        return float(signal), float(sigma * signal)
    alpha_bar = scheduler.alphas_cumprod[scheduler.timesteps[number]].double()
    return float(alpha_bar.sqrt()), float((1 - alpha_bar).sqrt())


def sample(denoise, x_t, scheduler, generators=None, first=0):
    """From noise x_t (B, 3, H, W) to a picture of the same shape, not clipped: what the last of `steps` has come to."""
    return last(steps(denoise, x_t, scheduler, generators, first)).x_t


def last(drawn):
    """The last of the Steps that a generator gives."""
    (step,) = collections.deque(drawn, maxlen=1)
    return step


def noised(picture, noise, scheduler, start):
    """(x_t, first): a picture (B, 3, H, W) noised to the scheduler's first time t up to `start`, and that time's step.

    Where it has none, its last time is taken.

    What is drawn from there takes from the picture what noise does not hide, its colours above all (Meng et al.,
    "SDEdit"). With a `start` of 999 it is the noise alone, at step 0.
    """
    if start == STEPS - 1:
        return noise, 0
    first = min(int((scheduler.timesteps > start).sum()), len(scheduler.timesteps) - 1)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    return scheduler.add_noise(picture, noise, scheduler.timesteps[first : first + 1]), first


def guided(model, target_pose, condition, guidance, interval=(0, STEPS - 1)):
    """denoise(x_t, t), guided without a classifier: eps_null + guidance (eps_cond - eps_null); v is conditional.

    interval: the lowest and the highest t that are guided; at others the condition alone is followed, for half the work
    (Kynkaanniemi et al., "Applying Guidance in a Limited Interval", 2024).
    """
    low, high = interval

    def denoise(x_t, t):
        within = low <= t.min() and t.max() <= high  # No wait for a GPU, where t is on the CPU.
        t = t.to(x_t.device)
        if guidance == 1 or not within:
            return model.denoise(x_t, t, target_pose, condition)
        if guidance == 0:
            return model.denoise(x_t, t, target_pose, None)
        (noise, v), (null, _) = (y.float().chunk(2, dim=1) for y in model.denoise_both(x_t, t, target_pose, condition))
        return torch.cat([null + guidance * (noise - null), v], dim=1)

    return denoise


def image_generators(seed, names):
    """One CPU generator per image, from the seed and the image's name: a picture depends on nothing else."""
    return [seeded(derived_seed(seed, zlib.crc32(name.encode()))) for name in names]


def initial_noise(generators, size):
    """x_T for images of size (H, W), one generator each: (B, 3, H, W) on the CPU, the same for every device."""
    return torch.stack([torch.randn(3, *size, generator=generator) for generator in generators])
