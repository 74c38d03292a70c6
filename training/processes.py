"""The processes of a run: one, or several that share its batches and, where it is sharded, its model."""

import contextlib
import warnings

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from diffusion.precision import AUTOCAST, set_precision
from models.unet import AttendingLevel
from system.errors import InputError
from system.machine import use_machine


class Processes:
    """What the processes do together, through accelerate and torch.distributed; alone, each of it is trivial.

    `parallel`: "ddp", every process holds the whole model, or "fsdp", each holds a part of each tensor of the model,
    of its average and of the optimizer's state (FSDP2). Raises InputError for a precision that cannot be had.
    `thrifty`: memory matters more than time.
    """

    def __init__(self, precision, parallel, thrifty=False):
        use_machine(thrifty)
        set_precision(precision)
        on_gpu = torch.cuda.is_available()
        if precision == "fp16" and not on_gpu:
            raise InputError("training.precision: fp16 needs a GPU; use bf16, or no.")
        self.accelerator = Accelerator(mixed_precision=precision if precision in AUTOCAST else "no", cpu=not on_gpu)
        self.device, self.scaler = self.accelerator.device, self.accelerator.scaler
        self.rank, self.count = self.accelerator.process_index, self.accelerator.num_processes
        self.is_main = self.accelerator.is_main_process
        self.sharded = parallel == "fsdp" and self.count > 1
        if self.sharded and precision == "fp16":
            raise InputError("training.precision: fp16 does not go with training.parallel=fsdp; use bf16, or no.")
        self.background = dist.new_group(backend="gloo") if self.sharded else None  # For a thread of its own.

    def place(self, model):
        """Bring a model to the device; where it is sharded, keep only this process's part of its parameters."""
        model.to(self.device)
        if self.sharded:
            mesh = dist.init_device_mesh(self.device.type, (self.count,))
            for unit in [*_units(model), model]:
                fully_shard(unit, mesh=mesh, reshard_after_forward=True)
                if isinstance(unit, AttendingLevel):
                    register_fsdp_forward_method(unit, "prepare")
            for name in ("encode", "denoise", "denoise_both"):
                register_fsdp_forward_method(model, name)
        return model

    def prepare(self, model, optimizer):
        """A placed model and its optimizer as training calls them."""
        if not self.sharded:
            # DDP says so, once per process, of 1 x 1 kernels, whose strides may be written in two ways.
            warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
            return self.accelerator.prepare(model, optimizer)
        return model, self.accelerator.prepare(optimizer)

    def plain(self, model):
        """The model inside what `prepare` made of it."""
        return self.accelerator.unwrap_model(model)

    @contextlib.contextmanager
    def accumulating(self, model, last):
        """A pass whose gradient is only added up here; after the `last` one the processes average theirs."""
        if self.sharded:
            model.set_requires_gradient_sync(last)
        with contextlib.nullcontext() if last or self.sharded else self.accelerator.no_sync(model):
            yield

    def clip(self, model, largest):
        """Shrink the gradient to a norm of at most `largest`; the norm it had, of all processes together."""
        norm = self.accelerator.clip_grad_norm_(model.parameters(), largest)
        assert norm is not None  # As it is for engines that clip by themselves.
        return norm.full_tensor() if isinstance(norm, DTensor) else norm

    def total(self, values):
        """Sums over the processes, of numbers or scalar tensors, as floats."""
        values = torch.stack([torch.as_tensor(v, device=self.device, dtype=torch.float64) for v in values])
        return self.accelerator.reduce(values, "sum").tolist()  # pyright: ignore[reportAttributeAccessIssue] (a tensor)

    def gather(self, texts):
        """The lists of all processes, as one."""
        return gather_object(texts)

    def from_main(self, value, group=None):
        """The main process's value (any object), on every process."""
        values = [value]
        if self.count > 1:
            dist.broadcast_object_list(values, src=0, group=group)
        return values[0]

    def call(self, function, *inputs):
        """function(*inputs), in the precision of the run."""
        with self.accelerator.autocast():
            return function(*inputs)

    def backward(self, loss):
        """The backward pass, with fp16's scale where there is one."""
        self.accelerator.backward(loss)

    def scale_may_fall(self):
        """Whether a gradient that is not finite only shows fp16's scale to be too high; the optimizer then waits."""
        return self.scaler is not None and self.scaler.get_scale() > 1

    def forget_step(self):
        """What fp16's scale must be told of a step that the optimizer does not make."""
        if self.scaler is not None:
            self.scaler.update()

    def meet(self):
        """Wait for all processes."""
        self.accelerator.wait_for_everyone()

    def leave(self):
        """End distributed training; whoever holds DDP must have let go of it.

        Were it still there, it would be destroyed later, with Python's lock held, and take the group's thread along,
        which may itself be waiting for that lock.
        """
        self.accelerator.free_memory()
        self.accelerator.end_training()


def _units(model):
    """What is gathered for its forward pass and given up again, each by itself: the parts of the three networks."""
    for network in model.children():
        for part in network.children():
            if isinstance(part, nn.ModuleList):
                yield from part
            elif isinstance(part, nn.ModuleDict):
                yield from part.values()
            else:
                yield part


def local(tensor):
    """This process's part of a tensor; of one that is not sharded, all of it."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
