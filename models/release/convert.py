"""The release's weights as ours, and ours as the release's.

The release exists in one architecture, the paper's: that of `config/deepfashion_256.yaml`, which is `Config()`.
"""

import dataclasses
from pathlib import Path

import torch

from models.release.names import USED, unused_tensors
from models.state_dict import check_tensors, is_dense, warn_of_nonfinite
from models.torch_file import read_torch_file
from system.errors import InputError, printable

# Program -> beginnings of names; weights come from the first program all of whose beginnings occur.
ORIGINS = {
    "this program's own weights, which are read from their folder": ("denoiser.", "reference_encoder."),
    "latent diffusion, such as Stable Diffusion": ("model.diffusion_model.",),
    "a U-Net of diffusers": ("down_blocks.", "up_blocks."),
    "GFLA, which warps and has no diffusion": ("flow_net.", "source.", "target."),
    "another version of the release": ("cct_block.", "flow_net."),
    "PIDM, which has neither a flow network nor MSFF": ("encoder.", "input_blocks.", "output_blocks."),
    "a plain guided-diffusion U-Net": ("input_blocks.", "output_blocks."),
}


@dataclasses.dataclass(frozen=True)
class Release:
    """What was read of a release file."""

    path: Path
    weights: dict  # The release's names -> tensors, on the CPU and memory mapped.
    kind: str  # Which weights: "ema", "model", or "only" where the file is one state dict.
    others: list  # The other entries of the file.
    unread: list  # Classes of objects that nothing was made of.


def read_release(path, kind="ema"):
    """The "ema" or "model" weights of a release file, or those of a file that is one state dict.

    Nothing in the file is executed. Raises InputError; the names and shapes are not looked at here.
    """
    content, unread = read_torch_file(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a dictionary with 'ema' and 'model', found {_kind_of(content)}")
    content = {printable(name): value for name, value in dict.items(content)}
    if isinstance(content.get(kind), dict):
        return Release(Path(path), _unwrapped(content[kind]), kind, [name for name in content if name != kind], unread)
    if content and all(torch.is_tensor(tensor) for tensor in content.values()):
        return Release(Path(path), _unwrapped(content), "only", [], unread)
    found = ", ".join(f"{name!r} ({_kind_of(value)})" for name, value in list(content.items())[:6]) or "nothing"
    others = [other for other in ("ema", "model") if isinstance(content.get(other), dict)]
    hint = f"; --weights {others[0]} of scripts/convert_checkpoint.py takes those" if others else ""
    raise InputError(f"{path}: expected a dictionary of tensors under {kind!r}; found {found}{hint}")


def from_release(release, own):
    """Our state dict of the release's, in our data types; what needs no change shares its memory.

    own: the state dict of a model of the paper's architecture, of which only shapes and data types are read.
    Raises InputError if a tensor is missing, unknown or of another shape.
    """
    used, unused = release_shapes(own)
    optional = {name: shape for group in unused.values() for name, shape in group.items()}
    like = {name: torch.empty(shape, device="meta") for name, shape in (used | optional).items()}
    like |= {name: own[ours] for ours, (name, *others) in USED.items() if not others}
    expected = f"the network of the release (this looks like {looks_like(release.weights, like)})"
    check_tensors(release.weights, like, release.path, expected, optional)
    theirs = {name: release.weights[name].to(own[ours].dtype) for ours, names in USED.items() for name in names}
    warn_of_nonfinite(theirs, release.path)
    return {ours: _stack([theirs[name] for name in names]) for ours, names in USED.items()}


def to_release(weights):
    """All 1,188 tensors of the release, of our state dict; those that have no effect are zero."""
    theirs = {}
    for ours, names in USED.items():
        theirs |= zip(names, _parts(weights[ours], len(names)), strict=True)
    _, unused = release_shapes(weights)
    for group in unused.values():
        theirs |= {name: torch.zeros(shape) for name, shape in group.items()}
    for name in theirs:
        if ".jump" in name and ".conv1." in name:  # One convolution under two names.
            theirs[name] = theirs[name.replace(".conv1.", ".model.2.")]
    return theirs


def release_shapes(own):
    """Name -> shape of the release's tensors that have an effect, and group -> name -> shape of the others.

    own: our state dict of the same architecture.
    """
    used = {}
    for ours, theirs in USED.items():
        used |= zip(theirs, (tuple(part.shape) for part in _parts(own[ours], len(theirs))), strict=True)
    return used, unused_tensors(used)


def looks_like(weights, like):
    """Words for the program that tensors come from; `like` are those of the release, both by name."""
    as_there = [name for name in like if is_dense(weights.get(name)) and weights[name].shape == like[name].shape]
    if len(as_there) > 0.9 * len(USED):
        return "the release, changed"
    for origin, beginnings in ORIGINS.items():
        if all(any(name.startswith(beginning) for name in weights) for beginning in beginnings):
            return origin
    return "no network that is known here"


def _unwrapped(weights):
    """With names that are text, and without the "module." that DataParallel puts before every name."""
    weights = {printable(name): tensor for name, tensor in dict.items(weights)}
    wrapped = all(name.startswith("module.") for name in weights)
    return {name.removeprefix("module."): tensor for name, tensor in weights.items()} if wrapped else weights


def _kind_of(value):
    return printable(type(value).__name__)


def _stack(parts):
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _parts(tensor, count):
    return [tensor] if count == 1 else tensor.chunk(count)
