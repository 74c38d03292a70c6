"""Reading what torch.save wrote, without running anything that stands in the file.

torch's weights-only unpickler makes tensors and plain containers. Whatever else a file names, such as the class of the
release's configuration object, is met by a stand-in of ours, made beforehand, that does nothing. A file that asks for
more than that, a call of a function, is refused.
"""

import _compat_pickle
import pickle
import pickletools
import sys
import threading
import zipfile
from pathlib import Path

import torch

from system.errors import InputError, printable

# What a file may begin with that is no checkpoint, and what it then is.
OTHER_FILES = {
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"\x1f\x8b": "a packed archive; if the checkpoint is in it, unpack it",
    b"<": "a web page, which a download service may send instead of the file",
    b"version https://git-lfs": "a pointer of Git LFS; `git lfs pull` fetches the file itself",
    b"\x80": "another kind of pickle",
}
# What pickles of Python and NumPy call to make values that are data.
DATA_MAKERS = {
    *(f"builtins.{name}" for name in ("bytes", "frozenset", "range", "slice", "type")),
    *(f"collections.{name}" for name in ("defaultdict", "deque")),
    *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
    *(f"pathlib.{name}" for name in ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")),
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    "copyreg._reconstructor",
    "decimal.Decimal",
    "fractions.Fraction",
    "functools.partial",
    "numpy.dtype",
    "types.SimpleNamespace",
    "uuid.UUID",
}
BLOCKED = ("os", "posix", "nt", "sys")  # Modules at whose names the unpickler stops by itself.
LEGACY_PICKLES = 5  # Before torch 1.6: magic number, version, system, object, keys of the storages; then the tensors.

_lock = threading.Lock()  # torch keeps the stand-ins for all threads.


def read_torch_file(path):
    """The object in a file of torch.save, and the names of the classes of which objects in it were not made.

    Of an archive every byte is checked, and the tensors, on the CPU, are memory mapped; a file of torch before 1.6 is
    read as a whole. Raises InputError if it is not such a file, is damaged, or would run code.
    """
    path = Path(path)
    unread = set()
    try:
        names, mapped = _look_into_archive(path) if _is_archive(path) else (_names_in_legacy_file(path), False)
        stand_ins: list = [(_stand_in(path, name, unread), spelling) for spelling, name in names.items()]
        with _lock, torch.serialization.safe_globals(stand_ins):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except InputError:
        raise
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: cut short or damaged, and to be fetched again ({error})") from error
    except Exception as error:  # A damaged pickle can raise anything.
        raise InputError(f"{path}: damaged, or holds what cannot be read safely ({_reason(error)})") from error
    return content, sorted(unread)


def _reason(error):
    """An error in one line. torch puts the unpickler's between advice to trust the file and a link."""
    text = str(error)
    if text.startswith("Weights only load failed"):
        text = text.partition("WeightsUnpickler error:")[2]
    return printable(next(iter(text.strip().splitlines()), type(error).__name__).removesuffix("."))


def _is_archive(path):
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


def _look_into_archive(path):
    """The names that its pickle refers to (see _names_in_pickle), and whether it can be memory mapped.

    Raises InputError if it is another archive, or not all of it is what was written.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        inner = {entry.filename.split("/", 1)[-1]: entry for entry in entries if "/" in entry.filename}
        if "data.pkl" not in inner or "constants.pkl" in inner:
            other = "a TorchScript program" if "constants.pkl" in inner else OTHER_FILES[b"\x1f\x8b"]
            raise InputError(f"{path}: expected a checkpoint, a file of torch.save; it is {other}")
        damaged = archive.testzip()
        if damaged:
            raise InputError(f"{path}: damaged: its part {printable(damaged)} is not what was written")
        with archive.open(inner["data.pkl"]) as file:
            return _names_in_pickle(file), all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)


def _names_in_legacy_file(path):
    names = {}
    with open(path, "rb") as file:
        for _ in range(LEGACY_PICKLES):
            names |= _names_in_pickle(file)
    return names


def _names_in_pickle(file):
    """The classes and functions that a pickle refers to, as it may spell them -> as Python 3 does."""
    names = {}
    for opcode, argument, _ in pickletools.genops(file):
        if argument is None:
            continue
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

    if name.split(".")[0] in BLOCKED:
        raise _refusal(path, name)
    StandIn.__name__ = StandIn.__qualname__ = name
    return StandIn


def _makes_data(name):
    """Whether calling `name` is meant to make a value: one of those known, or what is named as another's class.

    Either way only a stand-in is called: this tells a settings object from an attack, to refuse the latter aloud.
    """
    foreign = name.split(".")[0] not in {*sys.stdlib_module_names, "torch"}
    return name in DATA_MAKERS or (foreign and name.split(".")[-1][:1].isupper())


def _refusal(path, name):
    return InputError(f"{path}: refused: reading it would call {printable(name)}; nothing was executed")
