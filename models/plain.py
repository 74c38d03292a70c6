"""The plain path: the networks as their definitions say, beside which the faster ways of computing the same are tested.

Plain means: maps in torch's default memory format, upsampling before a convolution, skips concatenated, a norm and its
modulation one after the other. What is faster says so where it stands, and equals this to rounding.
"""

import contextlib

import torch

_plain = False


@contextlib.contextmanager
def plain_path():
    """Within it, the networks take the plain path; it is many times slower on some devices, and never faster."""
    global _plain  # noqa: PLW0603 (it is put back below)
    before, _plain = _plain, True
    try:
        yield
    finally:
        _plain = before


def is_plain():
    """Whether the plain path is to be taken."""
    return _plain


def laid_out(x):
    """x (B, C, H, W) with its channels last in memory, as convolutions like it; they pass that on to their output."""
    return x if is_plain() else x.contiguous(memory_format=torch.channels_last)
