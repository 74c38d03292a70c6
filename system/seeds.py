"""Random numbers that follow from numbers: from the seed, the step, an image's name."""

import numpy as np
import torch


def derived_seed(*numbers):
    """A seed that follows from non-negative integers, and is unrelated for any others."""
    return int(np.random.SeedSequence((len(numbers), *numbers)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def seeded(seed=None):
    """A new generator on the CPU, seeded with a number, or from the machine's entropy."""
    generator = torch.Generator()
    generator.seed() if seed is None else generator.manual_seed(seed)
    return generator
