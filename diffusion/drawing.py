"""From pairs to pictures: encode once, then sample with guidance."""

import torch

from diffusion.precision import computing_in, within
from diffusion.samplers import guided, image_generators, initial_noise, last, make_scheduler, noised, steps


def draw_pairs(model, batch, sampling, seed):
    """Generated images (B, 3, H, W), not clipped, and the Condition, for a batch of TestPairs from `to_device`.

    sampling: a config.schema.SamplingConfig. An image follows from the weights, its pair and name, and the seed.
    """
    drawn, condition = drawing_pairs(model, batch, sampling, seed)
    return last(drawn).x_t, condition


@torch.no_grad()
def drawing_pairs(model, batch, sampling, seed):
    """The Steps (see `drawing`) to the images of `draw_pairs`, and the Condition. A source is encoded once."""
    target_pose = batch["target_pose"]
    first, sources = shared_sources(batch["source"])
    generators = image_generators(seed, batch["result"])
    with computing_in(sampling.precision, target_pose.device):
        condition = model.encode(batch["source_image"][first], batch["source_pose"][first], target_pose, sources)
    return drawing(model, target_pose, condition, batch["source_image"], sampling, generators), condition


def drawing(model, target_pose, condition, begin, sampling, generators, kept=None):
    """Generator of the Steps (see diffusion.samplers) that lead from noise to pictures.

    target_pose: (B, 20, H, W). condition: a Condition or a Mixture. begin: (B, 3, H, W), what `sampling.start` noises.
    generators: one per picture. kept: a diffusion.samplers.Kept.
    """
    noise = initial_noise(generators, target_pose.shape[2:]).to(target_pose.device)
    scheduler = make_scheduler(sampling.sampler, sampling.steps, sampling.clip)
    denoise = guided(model, target_pose, condition, sampling.guidance, sampling.guidance_interval)
    x_t, first = noised(begin, noise, scheduler, sampling.start)
    # Not around the whole: between two steps the caller is at work, maybe in another thread.
    return steps(within(sampling.precision, denoise), x_t, scheduler, generators, first, kept)


def shared_sources(names):
    """(first, sources) of a batch's sources: where each name stands first, and which of these a pair's source is."""
    order = list(dict.fromkeys(names))
    return [names.index(name) for name in order], [order.index(name) for name in names]


def batches_of(results, size):
    """Indices of the results in batches. They depend on nothing else: the last bits of a picture may on its batch."""
    return [list(range(start, min(start + size, len(results)))) for start in range(0, len(results), size)]


def filled(batch, size):
    """A batch of `size` indices, the last one repeated: compiled networks know one size."""
    return batch + batch[-1:] * (size - len(batch))
