"""Which implementation of each operation runs on this machine, why, and how exact it is: python -m flow_ops.check

Errors are those of the output and of the gradients against the definitions in float64, relative to their largest value.
"""

import torch

import flow_ops
from config.flags import Parser
from flow_ops import cuda_path, kernels, reference
from system.errors import command

COLUMNS = "{:28}{:10}{:9}{:>8}{:>11}"


@command
def main():
    """Print the table, for the GPU if there is one, else for the CPU."""
    Parser(__doc__).parse_args()
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    reason = kernels.unusable_because(device)
    origin = "built ahead" if kernels.built_file().is_file() else "compiled at first use"
    print(f"{name}, torch {torch.__version__}")
    print(f"torch's operations, since {reason}" if reason else f"CUDA kernels, {origin}")
    print(COLUMNS.format("operation", "type", "runs on", "output", "gradients"))
    for dtype in cuda_path.DTYPES:
        for operation, tensors, rest in examples(device, dtype):
            output, gradients = errors(operation, tensors, rest)
            title = "{}, k = {}".format(operation, *rest) if operation == "flow_local_attention" else operation
            row = title, cuda_path.DTYPES[dtype], "torch" if reason else "cuda"
            print(COLUMNS.format(*row, f"{output:.1e}", f"{gradients:.1e}"))


def examples(device, dtype):
    """(operation, tensors, other arguments) of each, on the map of stride 16, windows of both sides."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(*shape, generator=generator).to(device)

    source, flow = random(2, 64, 16, 16).to(dtype), 4 * random(2, 2, 16, 16)
    yield "bilinear_warp", (source, flow), ()
    yield "gaussian_warp", (source, flow), ()
    for kernel in (2, 3):
        yield "flow_local_attention", (source, flow, random(2, kernel**2, 16, 16)), (kernel,)
    yield "self_correlation", (source,), (4, 2)


def errors(operation, tensors, rest):
    """Of the output, and the largest of a gradient, relative to the largest value of each."""
    ours = _results(getattr(flow_ops, operation), tensors, rest)
    exact = _results(getattr(reference, operation), [x.double() for x in tensors], rest)
    relative = [
        float((mine.double() - true).abs().max() / true.abs().max()) for mine, true in zip(ours, exact, strict=True)
    ]
    return relative[0], max(relative[1:])


def _results(function, tensors, rest):
    leaves = [x.detach().clone().requires_grad_() for x in tensors]
    out = function(*leaves, *rest)
    return [out.detach(), *torch.autograd.grad(out.sum(), leaves)]


if __name__ == "__main__":
    main()
