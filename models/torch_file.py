"""Reading what torch.save wrote, without running anything that stands in the file.

torch's weights-only unpickler makes tensors and plain containers. Whatever else a file names, such as the class of the
release's configuration object, is met by a stand-in of ours, made beforehand, that does nothing. A file that asks for
more than that, a call of a function, is refused.
"""

import _compat_pickle
import pickle
import pickletools
import sys
import zipfile
from pathlib import Path

import torch

from config.errors import InputError

# What a file may begin with that is no checkpoint, and what it then is.
OTHER_FILES = {
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"\x1f\x8b": "a packed archive; if the checkpoint is in it, unpack it",
    b"<": "a web page, which a download service may send instead of the file",
    b"version https://git-lfs": "a pointer of Git LFS; `git lfs pull` fetches the file itself",
    b"\x80": "another kind of pickle",
}
# Python's own classes whose objects are data, as pickles write them: a call.
DATA_CLASSES = {
    "builtins.frozenset",
    "collections.defaultdict",
    "copyreg._reconstructor",
    "datetime.datetime",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy.dtype",
}


def read_torch_file(path):
    """The object in a file of torch.save, and the names of the classes in it that were left unread.

    Tensors are on the CPU and memory mapped: nothing is read before it is used. (Files of torch before 1.6 are read as
    a whole.) Raises InputError if it is not such a file, is damaged, or would run code.
    """
    path = Path(path)
    archive = is_archive(path)
    unread = set()
    try:
        mapped = _check_archive(path) if archive else False
        stand_ins = [
            (_stand_in(path, name, unread), spelling) for spelling, name in _names_in(path, archive).items()
        ]
        with torch.serialization.safe_globals(stand_ins):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except InputError:
        raise
    except Exception as error:  # A damaged pickle can raise anything.
        raise InputError(f"{path}: damaged, or holds what cannot be read safely ({_reason(error)})") from error
    return content, sorted(unread)


def _reason(error):
    """An error in one line. torch puts the unpickler's between advice to trust the file and a link."""
    text = str(error).split("WeightsUnpickler error: ")[-1].strip() or type(error).__name__
    return text.splitlines()[0].removesuffix(".")


def is_archive(path):
    """Whether the file is a zip archive, which torch.save writes, or a bare pickle, as before torch 1.6.

    Raises InputError, saying what it looks like, if it is neither.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except OSError as error:
        folder = "; a folder needs no conversion" if path.is_dir() else ""
        raise InputError(f"{path}: cannot be read ({error.strerror or error}){folder}") from error
    if start.startswith((b"PK\x03\x04", b"\x80\x02")):
        return start.startswith(b"PK")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    found = next((name for mark, name in OTHER_FILES.items() if text.startswith(mark)), "something else")
    if start[8:9] == b"{":
        found = "a safetensors file; name the folder that it lies in with its config.yaml"
    raise InputError(f"{path}: expected a checkpoint, a file of torch.save; it is {found if start else 'empty'}")


def _check_archive(path):
    """Raises InputError unless all of the archive is there and unharmed. Returns whether it can be memory mapped."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = {entry.filename.split("/", 1)[-1] for entry in entries}
            if "data.pkl" not in names or "constants.pkl" in names:
                other = "a TorchScript program" if "constants.pkl" in names else OTHER_FILES[b"\x1f\x8b"]
                raise InputError(f"{path}: expected a checkpoint, a file of torch.save; it is {other}")
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: cut short or damaged, and to be fetched again ({error})") from error
    if damaged:
        raise InputError(f"{path}: damaged: its part {damaged!r} is not what was written")
    return all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)


def _names_in(path, archive):
    """The classes and functions that the pickles in a file refer to, as it may spell them -> as Python 3 does."""
    if archive:
        with zipfile.ZipFile(path) as files:
            pickles = [name for name in files.namelist() if name.endswith("/data.pkl")]
            with files.open(pickles[0]) as file:
                return _names_in_pickle(file)
    with open(path, "rb") as file:  # Magic number, version, system, object, keys of the tensors' storages.
        return {spelling: name for _ in range(5) for spelling, name in _names_in_pickle(file).items()}


def _names_in_pickle(file):
    names = {}
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == "PROTO" and argument > 2:
            raise pickle.UnpicklingError(f"it is pickled by protocol {argument}, and torch.save does by 2")
        if opcode.name == "GLOBAL":
            module, name = argument.split(" ", 1)
            new_module, new_name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
            new = f"{_compat_pickle.IMPORT_MAPPING.get(new_module, new_module)}.{new_name}"
            names |= {f"{module}.{name}": new, new: new}
    return names


def _stand_in(path, name, unread):
    """A class that takes the place of the class or function `name` of a file, and notes in `unread` that it did."""

    class StandIn:
        def __new__(cls, *args):  # noqa: ARG004 (what the file would hand to the class it means)
            unread.add(name)
            return super().__new__(cls)

        def __init__(self, *args):  # noqa: ARG002 (run where the file asks for a call of it)
            if not _makes_data(name):
                raise _refusal(path, name)

        def __setstate__(self, state):
            pass

    StandIn.__name__ = name
    if name.split(".")[0] in ("os", "posix", "nt", "sys"):  # The unpickler stops at these in words of its own.
        raise _refusal(path, name)
    return StandIn


def _makes_data(name):
    """Whether calling `name` can be meant to make an object: some of Python's classes, and any other library's."""
    foreign = name.split(".")[0] not in {*sys.stdlib_module_names, "torch"}
    return name in DATA_CLASSES or (foreign and name.split(".")[-1][:1].isupper())


def _refusal(path, name):
    return InputError(f"{path}: refused: reading it would call {name}, as no checkpoint needs; nothing was executed")
