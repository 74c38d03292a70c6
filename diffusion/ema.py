"""Exponential moving average of a model's weights."""

import copy

import torch


class EMA:
    """A second model whose parameters are averaged and whose buffers are copied."""

    def __init__(
        self,
        model,
        decay,         # Share of the average that stays in each update.
        warmup_steps,  # Until then the average is a plain copy.
    ):  # fmt: skip
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay
        self.warmup_steps = warmup_steps

    @torch.no_grad()
    def update(self, model, step):
        """Take in the weights of `model` after update number `step` (1, 2, ..)."""
        decay = self.decay if step > self.warmup_steps else 0.0
        own, new = dict(self.model.named_parameters()), dict(model.named_parameters())
        if own.keys() != new.keys():
            raise ValueError("the model's parameters are not those of its average")
        for name, parameter in own.items():
            parameter.lerp_(new[name], 1 - decay)
        for mine, theirs in zip(self.model.buffers(), model.buffers(), strict=True):
            mine.copy_(theirs)
