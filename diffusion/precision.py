"""The precision of networks' arithmetic, and their compilation."""

import contextlib

import torch

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


def set_precision(precision):
    """Let float32 products on GPUs take TF32's eleven bits of each factor, but for precision "no", which is exact."""
    allowed = precision != "no"
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


@contextlib.contextmanager
def computing_in(precision, device):
    """A context in which networks compute in a precision of config.checks.PRECISIONS, whatever the one around it."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    set_precision(precision)
    try:
        enabled = precision in AUTOCAST
        with torch.autocast(torch.device(device).type, AUTOCAST.get(precision, torch.bfloat16), enabled=enabled):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def within(precision, denoise):
    """denoise(x_t, t) in a precision of config.checks.PRECISIONS."""

    def denoise_within(x_t, t):
        with computing_in(precision, x_t.device):
            return denoise(x_t, t)

    return denoise_within


def compile_for_training(model):
    """Compile the model's networks in place, for inputs of one shape: the first step takes minutes."""
    for network in (model.reference_encoder, model.flow_net, model.denoiser):
        if network is not None:
            network.compile(dynamic=False)


def compile_for_sampling(model):
    """Compile the denoiser in place, for inputs of one shape: its first call takes minutes.

    A GPU replays its calls as CUDA graphs. What runs once per picture is not worth compiling.
    """
    on_gpu = next(model.parameters()).device.type == "cuda"
    model.denoiser.compile(dynamic=False, mode="reduce-overhead" if on_gpu else "default")
