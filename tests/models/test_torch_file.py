"""Files of torch.save, sound, damaged and malicious. Each malicious one leaves a marker file if it is ever executed."""

import argparse
import collections
import datetime
import decimal
import enum
import gzip
import importlib
import os
import pathlib
import pickle
import random
import subprocess
import sys
import types
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from models.torch_file import read_torch_file
from system.errors import InputError

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2, dtype=torch.float16)}


def identity(value):
    return value


@pytest.fixture
def elsewhere():
    """A module that can be imported while a file is written, and no more."""
    module = types.ModuleType("module_of_the_authors")
    vars(module).update(
        Colour=enum.Enum("Colour", "RED GREEN", module=module.__name__),
        Settings=type("Settings", (), {"__module__": module.__name__}),
        function=types.FunctionType(identity.__code__, vars(module), "function"),
    )
    module.function.__qualname__ = "function"
    sys.modules[module.__name__] = module
    yield module
    sys.modules.pop(module.__name__, None)


class Call:
    """An object whose pickle asks for a call."""

    def __init__(self, function, *args):
        self.reduced = function, args

    def __reduce__(self):
        return self.reduced


def write(path, content, elsewhere=None, **options):
    torch.save(content, path, **options)
    sys.modules.pop(getattr(elsewhere, "__name__", ""), None)
    return path


def refused(path):
    """The message with which a file is refused."""
    with pytest.raises(InputError) as caught:
        read_torch_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(
        ours[name].dtype == theirs[name].dtype and torch.equal(ours[name], theirs[name]) for name in theirs
    )


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_are_read_and_objects_of_unknown_classes_are_left_unread(tmp_path, elsewhere, zipped):
    settings = elsewhere.Settings()
    settings.colour, settings.nested = elsewhere.Colour.RED, elsewhere.Settings()
    settings.names, settings.function = {"a", "b"}, elsewhere.function
    content = {"ema": WEIGHTS, "conf": settings, "step": 7}
    path = write(tmp_path / "a.pt", content, elsewhere, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(elsewhere.__name__)
    content, unread = read_torch_file(path)
    assert same(content["ema"], WEIGHTS)
    assert content["step"] == 7
    assert unread == ["module_of_the_authors.Colour", "module_of_the_authors.Settings"]
    assert vars(content["conf"]) == {}


def test_data_classes_of_python_and_numpy_are_left_unread_too(tmp_path):
    conf = {
        "path": pathlib.Path("a"),
        "namespace": argparse.Namespace(a=1),
        "default": collections.defaultdict(list),
        "bytes": b"",
        "none": np.ones(0),
        "decimal": decimal.Decimal(1),
        "simple": types.SimpleNamespace(a=1),
        "span": datetime.timedelta(1),
        "scalar": np.float64(1.5),
        "array": np.ones(3),
        "date": datetime.datetime(2024, 1, 1),
    }
    content, unread = read_torch_file(write(tmp_path / "a.pt", {"ema": WEIGHTS, "conf": conf}))
    assert same(content["ema"], WEIGHTS)
    assert {"argparse.Namespace", "pathlib.PosixPath", "collections.defaultdict"} <= set(unread)


def test_an_archive_is_memory_mapped_and_one_that_was_packed_again_is_read_all_the_same(tmp_path):
    path = write(tmp_path / "a.pt", WEIGHTS)
    with zipfile.ZipFile(path) as plain, zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    assert same(read_torch_file(tmp_path / "b.pt")[0], WEIGHTS)

    content, _ = read_torch_file(path)
    at = path.read_bytes().index(WEIGHTS["a.weight"].numpy().tobytes())
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(np.float32(5).tobytes())
    assert content["a.weight"][0, 0] == 5  # What is in the file now: it was not copied.


CALLS = {
    "os.system": lambda marker: Call(os.system, f"touch {marker}"),
    "subprocess.Popen": lambda marker: Call(subprocess.Popen, ["touch", str(marker)]),
    "builtins.exec": lambda marker: Call(exec, f"open({str(marker)!r}, 'w')"),
    "builtins.eval": lambda marker: Call(eval, f"open({str(marker)!r}, 'w')"),
    "builtins.open": lambda marker: Call(open, str(marker), "w"),
    "builtins.getattr": lambda marker: Call(getattr, pathlib.Path(marker), "touch"),
    "numpy.savetxt": lambda marker: Call(np.savetxt, str(marker), [1.0]),
    "torch.save": lambda marker: Call(torch.save, 1, str(marker)),
}


@pytest.mark.parametrize("place", ["conf", "a tensor", "a key", "the whole"])
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("call", CALLS)
def test_a_file_that_asks_for_a_call_is_refused_and_nothing_is_executed(tmp_path, call, zipped, place):
    marker = tmp_path / "marker"
    bad = CALLS[call](marker)
    content = {
        "conf": {"ema": WEIGHTS, "conf": bad},
        "a tensor": {"ema": {**WEIGHTS, "b.weight": bad}},
        "a key": {"ema": WEIGHTS, bad: 1},
        "the whole": bad,
    }[place]
    path = write(tmp_path / "bad.pt", content, _use_new_zipfile_serialization=zipped)
    message = refused(path)
    assert "refused: reading it would call" in message
    assert "nothing was executed" in message
    assert not marker.exists()


@pytest.mark.parametrize("call", sorted(CALLS.keys() - {"subprocess.Popen", "builtins.getattr"}))
def test_the_same_calls_leave_their_marker_when_a_pickle_is_trusted(tmp_path, call):
    pickle.loads(pickle.dumps(CALLS[call](tmp_path / "marker"), protocol=2))
    assert (tmp_path / "marker").exists()


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_what_is_no_checkpoint_is_called_what_it_is(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.pt", format="JPEG")
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.pt", format="PNG")
    (tmp_path / "empty.pt").touch()
    (tmp_path / "page.pt").write_text("<!DOCTYPE html><html>Too many downloads</html>")
    (tmp_path / "marked.pt").write_bytes(b"\xef\xbb\xbf\n <html></html>")
    (tmp_path / "tensors.pt").write_bytes(safetensors.torch.save(WEIGHTS))
    (tmp_path / "gzip.pt").write_bytes(gzip.compress(b"weights"))
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps(1))
    (tmp_path / "pointer.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    (tmp_path / "text.pt").write_text("weights")
    with zipfile.ZipFile(tmp_path / "zip.pt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), tmp_path / "script.pt")
    for name, words in {
        "photo": "a JPEG image",
        "picture": "a PNG image",
        "empty": "it is empty",
        "page": "a web page",
        "pointer": "git lfs pull",
        "text": "something else",
        "zip": "unpack it",
        "marked": "a web page",
        "tensors": "a safetensors file",
        "gzip": "unpack it",
        "pickle": "another kind of pickle",
        "script": "TorchScript",
        "absent": "No such file",
    }.items():
        assert words in refused(tmp_path / f"{name}.pt")
    assert "directory" in refused(tmp_path)


def test_what_is_not_understood_is_named(tmp_path):
    path = write(tmp_path / "a.pt", collections.defaultdict(list, a=[1]))
    assert "(Can only SETITEM" in refused(path)
    assert "collections.defaultdict" in refused(path)


def test_two_threads_may_read_at_once(tmp_path, elsewhere):
    paths = [write(tmp_path / f"{n}.pt", {"ema": WEIGHTS, "conf": elsewhere.Settings()}) for n in range(2)]
    with ThreadPoolExecutor(4) as pool:
        assert all(same(content["ema"], WEIGHTS) for content, _ in pool.map(read_torch_file, 50 * paths))


def test_names_out_of_a_file_stay_in_one_line(tmp_path):
    name = "torch.\x1b[31m" + 300 * "x"
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02c" + name.encode() + b"\nf\n)R.")
    message = refused(path)
    assert len(message) < 500
    assert message.isprintable()


def test_a_pickle_of_a_newer_protocol_is_refused_by_it(tmp_path):
    path = write(tmp_path / "a.pt", WEIGHTS, pickle_protocol=4)
    assert refused(path).endswith("(it is pickled by protocol 4, and torch.save does by 2)")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_cut_short_anywhere_is_refused(tmp_path, zipped):
    whole = write(tmp_path / "whole.pt", {"ema": WEIGHTS}, _use_new_zipfile_serialization=zipped).read_bytes()
    for length in range(0, len(whole) - 1, max(len(whole) // 40, 1)):
        (tmp_path / "cut.pt").write_bytes(whole[:length])
        refused(tmp_path / "cut.pt")


def test_a_part_that_was_never_downloaded_is_noticed(tmp_path):
    weights = {"a": torch.arange(10000.0)}
    whole = write(tmp_path / "a.pt", weights).read_bytes()
    at = whole.index(weights["a"].numpy().tobytes())
    (tmp_path / "a.pt").write_bytes(whole[: at + 2000] + bytes(3000) + whole[at + 5000 :])
    assert "is not what was written" in refused(tmp_path / "a.pt")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("zipped", [True, False])
def test_a_damaged_file_gives_its_content_or_one_sentence(tmp_path, zipped, elsewhere):
    content = {"ema": WEIGHTS, "conf": elsewhere.Settings()}
    whole = write(tmp_path / "whole.pt", content, elsewhere, _use_new_zipfile_serialization=zipped).read_bytes()
    chance, path, refusals = random.Random(0), tmp_path / "a.pt", 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            read_torch_file(path)
        except InputError:
            refused(path)
            refusals += 1
    assert refusals > 30
