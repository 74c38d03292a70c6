import pytest
import torch
from torch import nn

from diffusion.precision import computing_in, set_precision


@pytest.mark.parametrize(("precision", "allowed"), [("no", False), ("tf32", True), ("bf16", True)])
def test_float32_is_exact_unless_another_precision_is_asked_for(precision, allowed):
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        set_precision(precision)
        assert torch.backends.cuda.matmul.allow_tf32 == torch.backends.cudnn.allow_tf32 == allowed
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


DTYPES = {"no": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}


@pytest.mark.parametrize(("precision", "dtype"), DTYPES.items())
def test_networks_compute_in_the_precision_of_their_context(precision, dtype):
    for around in DTYPES:
        with computing_in(around, "cpu"), computing_in(precision, "cpu"):
            assert nn.Linear(2, 2)(torch.rand(1, 2)).dtype == dtype
            assert torch.backends.cudnn.allow_tf32 == (precision != "no")


def test_a_precision_ends_with_its_context():
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    for precision in DTYPES:
        with computing_in(precision, "cpu"):
            pass
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before
