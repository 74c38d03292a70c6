"""Running data/prepare_data.py on the small data set, and what it wrote."""

import re
import shutil
import tempfile

import lmdb

from data import prepare_data
from data.dataset import PairDataset
from data.loader import training_loader


def prepare(root, out, *flags):
    return prepare_data.main([f"--root={root}", f"--out={out}", "--size=32x24", "--workers=2", *flags])


def contents(folder):
    """All entries. Of a copy: a process may open a data base once, and a store may have it open."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copy(folder / "data.mdb", copy)
        with lmdb.open(copy, readonly=True, lock=False) as environment, environment.begin() as transaction:
            return dict(transaction.cursor())


def rewrite(folder, key, change):
    """Put change(value) in the place of a value. Of a data base that this process has not open."""
    with (
        lmdb.open(str(folder), lock=False, map_size=1 << 26) as environment,
        environment.begin(write=True) as transaction,
    ):
        assert transaction.put(key.encode(), change(transaction.get(key.encode())))


def with_bit_flipped(value, bit):
    """The bytes with one bit turned."""
    flipped = bytearray(value)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def cut_short(value):
    """The first half of the bytes."""
    return value[: len(value) // 2]


def lose_value(folder, key):
    """Let the key's entry point to a page that there is not."""
    data = (folder / "data.mdb").read_bytes()
    assert key.encode() in data
    (folder / "data.mdb").write_bytes(re.sub(rb"(?<=%s).{8}" % re.escape(key.encode()), b"\xff" * 8, data, flags=re.S))


def loader_of(settings, size, seed, batch_size, **place):
    """The training_loader of a DataConfig's pairs."""
    return training_loader(PairDataset(settings, size, seed), settings.workers, batch_size, **place)
