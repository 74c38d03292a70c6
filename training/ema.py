"""Exponential moving average of a model's weights."""

import copy

import torch

from training.processes import local


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

    def decay_at(self, step):
        """The decay of update number `step` (1, 2, ..)."""
        return self.decay if step > self.warmup_steps else 0.0

    @torch.no_grad()
    def update(self, model, step):
        """Take in the weights of `model` after update number `step`."""
        mine, theirs = zip(*self._parameters(model), strict=True)
        torch._foreach_lerp_(mine, theirs, 1 - self.decay_at(step))  # One kernel for many tensors, on a GPU.
        _copy_buffers(model, self.model)

    @torch.no_grad()
    def restore_buffers(self, model):
        """Give `model` the buffers that it had at the last update."""
        _copy_buffers(self.model, model)

    @torch.no_grad()
    def squared_distance(self, model):
        """Sums of (weight - average)^2 and of weight^2, over this process's part of the parameters."""
        pairs = list(self._parameters(model))
        apart = sum((theirs - mine).square().sum() for mine, theirs in pairs)
        return apart, sum(theirs.square().sum() for _, theirs in pairs)

    def _parameters(self, model):
        """(average, weight) for each parameter."""
        own, new = dict(self.model.named_parameters()), dict(model.named_parameters())
        if own.keys() != new.keys():
            raise ValueError("the model's parameters are not those of its average")
        return ((local(own[name]), local(new[name])) for name in own)


def _copy_buffers(source, target):
    for theirs, own in zip(source.buffers(), target.buffers(), strict=True):
        own.copy_(theirs)
