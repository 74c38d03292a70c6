"""The release's weights as ours, and ours as the release's.

The release exists in one architecture, the paper's: that of `config/deepfashion_256.yaml`, which is `Config()`.
"""

import dataclasses
from pathlib import Path

import torch

from config.errors import InputError
from models.release.names import USED, unused_tensors
from models.state_dict import check_names_and_shapes, warn_of_nonfinite
from models.torch_file import read_torch_file

# Which program weights come from, by beginnings that their names have; the first of which all are there.
ORIGINS = {
    "this program's own weights, which are read from their folder": ("denoiser.", "reference_encoder."),
    "a network wrapped in DataParallel, 'module.' before every name": ("module.",),
    "latent diffusion, such as Stable Diffusion": ("model.diffusion_model.",),
    "a U-Net of diffusers": ("down_blocks.", "up_blocks."),
    "GFLA, which warps and has no diffusion": ("flow_net.", "source.", "target."),
    "another size or version of the release": ("cct_block.", "flow_net."),
    "PIDM, which has neither a flow network nor MSFF": ("encoder.", "input_blocks.", "output_blocks."),
    "a plain guided-diffusion U-Net": ("input_blocks.", "output_blocks."),
}


@dataclasses.dataclass(frozen=True)
class Release:
    """What was read of a release file."""

    path: Path
    weights: dict  # The release's names -> tensors, on the CPU and memory mapped.
    kind: str  # Which weights: "ema", "model", or "bare" where the file holds nothing else.
    others: list  # The other entries of the file.
    unread: list  # Classes of objects that nothing was made of.


def read_release(path, kind="ema"):
    """The "ema" or "model" weights of a release file, or those of a file that holds one state dict and nothing else.

    Nothing in the file is executed. Raises InputError; the names and shapes are not looked at here.
    """
    content, unread = read_torch_file(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a dictionary with 'ema' and 'model', found {type(content).__name__}")
    if isinstance(content.get(kind), dict):
        return Release(Path(path), content[kind], kind, [name for name in content if name != kind], unread)
    if content and all(isinstance(name, str) and torch.is_tensor(tensor) for name, tensor in content.items()):
        return Release(Path(path), content, "bare", [], unread)
    found = ", ".join(map(str, list(content)[:6])) or "nothing"
    raise InputError(f"{path}: expected a dictionary of tensors under {kind!r}, as the release writes; found {found}")


def from_release(release, own):
    """Our state dict of the release's, in our data types; what needs no change shares its memory.

    own: the state dict of a model of the paper's architecture, of which only shapes and data types are read.
    Raises InputError if a tensor is missing, unknown or of another shape.
    """
    used, unused = release_shapes(own)
    unused = {name: shape for group in unused.values() for name, shape in group.items()}
    expected = f"the network of the release (this looks like {looks_like(release.weights)})"
    check_names_and_shapes(release.weights, used | unused, release.path, expected, optional=unused)
    warn_of_nonfinite({name: release.weights[name] for name in used}, release.path)
    return {
        ours: _stack([release.weights[name] for name in theirs]).to(own[ours].dtype) for ours, theirs in USED.items()
    }


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


def looks_like(names):
    """Words for the program that tensors of such names come from."""
    for origin, beginnings in ORIGINS.items():
        if all(any(str(name).startswith(beginning) for name in names) for beginning in beginnings):
            return origin
    return "no network that is known here"


def _stack(parts):
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _parts(tensor, count):
    return [tensor] if count == 1 else tensor.chunk(count)
