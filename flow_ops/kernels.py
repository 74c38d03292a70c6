"""Where the compiled `kernels.cu` comes from, and how its entries are started.

`python -m flow_ops.build` leaves a file named by the hash of the source and the flags that it was built with; without
one, CuPy compiles the source at first use and keeps the result in its cache. Either way CuPy loads it, and starts its
entries on torch's current stream.
"""

import functools
import hashlib
import importlib
import logging
from pathlib import Path

import torch

SOURCE = Path(__file__).with_name("kernels.cu")
ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)
THREADS = 128  # Per block.
LANES = 8  # Threads that share a pixel.
FLAGS = ("-std=c++17", f"-DTHREADS={THREADS}", f"-DLANES={LANES}")

logger = logging.getLogger(__name__)


def built_file():
    """Where `flow_ops.build` puts what it compiles of the source as it is now."""
    content = repr((SOURCE.read_bytes(), FLAGS, ARCHITECTURES)).encode()
    return SOURCE.with_name("_build") / f"kernels-{hashlib.sha256(content).hexdigest()[:16]}.fatbin"


def unusable_because(device):
    """Why the kernels cannot run on a device, in words; "" if they can. Loads them, once per device."""
    if device.type == "cuda":
        return _fault_of_gpu(device.index)
    return "" if device.type in STARTERS else f"the tensors are on {device.type}"


# As torch.compiler.assume_constant_result marks it, without the second that importing the compiler takes.
unusable_because._dynamo_marked_constant = True  # noqa: SLF001  # pyright: ignore[reportFunctionMemberAccess]


@functools.cache
def _fault_of_gpu(index):
    """`unusable_because` of one GPU. Says it aloud, once: torch's operations run in their place."""
    fault = ""
    if torch.cuda.get_device_capability(index) < divmod(ARCHITECTURES[0], 10):
        fault = f"{torch.cuda.get_device_name(index)} is older than compute capability 7.5"
    else:
        try:
            _entry(index, "bilinear_list")
        except Exception as error:  # noqa: BLE001 (CuPy's errors share no class, and none of them is fatal here)
            fault = f"CuPy cannot load them ({(str(error).strip() or type(error).__name__).splitlines()[-1]})"
    if fault:
        logger.warning("flow_ops: CUDA kernels cannot run, since %s; torch's operations take their place.", fault)
    return fault


def launch(name, threads, *arguments):
    """Start the entry `name` with as many threads.

    arguments: those of the entry: tensors, of one device, which are handed over as they lie in memory and without a
    copy; None for a tensor that it does not read; and whole numbers.
    """
    device = next(argument.device for argument in arguments if torch.is_tensor(argument))
    blocks = -(-threads // THREADS)
    if blocks:
        STARTERS[device.type](device, name, blocks, [_as_number(argument) for argument in arguments])


def _as_number(argument):
    return argument.data_ptr() if torch.is_tensor(argument) else argument or 0


@functools.cache
def _cupy():
    """CuPy, which is there beside a GPU."""
    return importlib.import_module("cupy")


def _start_on_gpu(device, name, blocks, numbers):
    cupy = _cupy()
    stream = cupy.cuda.ExternalStream(torch.cuda.current_stream(device).cuda_stream)
    with cupy.cuda.Device(device.index), stream:
        _entry(device.index, name)((blocks,), (THREADS,), tuple(numbers))


@functools.cache
def _entry(index, name):
    cupy = _cupy()
    with cupy.cuda.Device(index):
        return _module(index).get_function(name)


@functools.cache
def _module(index):
    """What is built ahead, if this GPU and its driver can load it; else the source, compiled now by NVRTC."""
    cupy = _cupy()
    if built_file().is_file():
        module = cupy.RawModule(path=str(built_file()))
        try:
            module.get_function("bilinear_list")
            return module
        except cupy.cuda.driver.CUDADriverError as error:
            logger.info("flow_ops: %s cannot be loaded on GPU %d (%s)", built_file(), index, error)
    return cupy.RawModule(code=SOURCE.read_text(), options=FLAGS)


STARTERS = {"cuda": _start_on_gpu}  # By the type of device: (device, entry, blocks, numbers) -> None.
