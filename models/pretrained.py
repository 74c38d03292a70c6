"""Where weights come from: a checkpoint folder, the Hugging Face hub, or a file of the authors' release.

FOLDER/
    config.yaml        the whole experiment
    model.safetensors  the weights
    README.md          what they are, for a reader: the model card
"""

import logging
import re
from pathlib import Path

from huggingface_hub import snapshot_download
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from config.load import load_config
from config.schema import Config
from models.release.convert import from_release, read_release
from models.run_folder import checkpoints_folder, newest_whole
from models.state_dict import check_tensors, warn_of_nonfinite
from system.errors import InputError
from system.files import write_whole

CONFIG_FILE, WEIGHTS_FILE, CARD_FILE = "config.yaml", "model.safetensors", "README.md"

logger = logging.getLogger(__name__)


def fetch(name, **hub):
    """The local path of the checkpoint that `name` means, a folder or a release file.

    name: such a folder, a file in it, a release file; a run folder, whose newest whole checkpoint it is; or
    "user/name" on the hub, of which a copy is kept here. hub: options of huggingface_hub.snapshot_download, such as
    revision and token. Raises InputError.
    """
    path = Path(name)
    if path.exists():
        return _checkpoint_in(path.parent if path.name in (CONFIG_FILE, WEIGHTS_FILE) else path)
    # A name with a folder of that user's name here is a path mistyped, and not worth asking the network.
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", str(name)) or path.parent.exists():
        where = "checkpoints/README.md says where to get one"
        raise InputError(f"{name}: no such checkpoint, neither folder nor file; {where}.")
    try:
        copy = snapshot_download(str(name), allow_patterns=[CONFIG_FILE, WEIGHTS_FILE, CARD_FILE], **hub)
    except Exception as error:  # Of the hub, of its HTTP client, of the system.
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(f"{name}: not here, and not to be had from the Hugging Face hub ({reason}).") from error
    return _checkpoint_in(Path(copy))


def _checkpoint_in(path):
    if path.is_file() or ((path / CONFIG_FILE).is_file() and not checkpoints_folder(path).is_dir()):
        return path
    newest = newest_whole(path, [CONFIG_FILE, WEIGHTS_FILE])
    if newest is None:
        raise InputError(f"{path}: holds neither a checkpoint ({CONFIG_FILE}, {WEIGHTS_FILE}) nor a run with one.")
    return newest


def read_config(path):
    """The experiment that a checkpoint belongs to; a release file belongs to the paper's."""
    path = Path(path)
    return Config() if path.is_file() else load_config(path / CONFIG_FILE)


def weights_file(path):
    """The file that holds a checkpoint's weights."""
    path = Path(path)
    return path if path.is_file() else path / WEIGHTS_FILE


def load_weights(model, path, assign=False):
    """Fill a model from a checkpoint folder or a release file.

    assign: take the tensors as they are, memory mapped, instead of copying them: for a model made without memory.
    Raises InputError that lists names and shapes that do not agree.
    """
    own, file = model.state_dict(), weights_file(path)
    weights = _convert(file, own) if Path(path).is_file() else _read_safetensors(file, own)
    model.load_state_dict(weights, assign=assign)


def _read_safetensors(path, own):
    if not path.is_file():
        raise InputError(f"{path}: no such file; a checkpoint folder holds {CONFIG_FILE} and {WEIGHTS_FILE}.")
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: not a whole safetensors file ({error}).") from error
    check_tensors(weights, own, path, f"the architecture that {CONFIG_FILE} says")
    weights = {name: tensor.to(own[name].dtype) for name, tensor in weights.items()}
    warn_of_nonfinite(weights, path)
    return weights


def _convert(path, own):
    release = read_release(path)
    weights = from_release(release, own)
    logger.warning(
        "%s: the release's form, converted in memory (its %s weights); scripts/convert_checkpoint.py does it for good.",
        path, release.kind,
    )  # fmt: skip
    return weights


def save_tensors(tensors, path):
    """Write a safetensors file, whole or not at all. Raises InputError where writing fails."""
    separate, seen = {}, set()
    for name, tensor in tensors.items():
        whole = tensor.contiguous()
        separate[name] = whole.clone() if whole.data_ptr() in seen else whole
        seen.add(whole.data_ptr())

    def write(file):
        try:
            save_file(separate, file.name, {"format": "pt"})
        except SafetensorError as error:
            raise OSError(error) from error

    write_whole(path, write)
