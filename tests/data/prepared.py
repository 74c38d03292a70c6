"""Running data/prepare_data.py on the small data set, and what it wrote."""

import shutil
import tempfile

import lmdb

from data import prepare_data


def prepare(root, out, *flags):
    return prepare_data.main([f"--root={root}", f"--out={out}", "--size=32x24", "--workers=2", *flags])


def contents(folder):
    """All entries. Of a copy: a process may open a data base once, and a store may have it open."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copy(folder / "data.mdb", copy)
        with lmdb.open(copy, readonly=True, lock=False) as environment, environment.begin() as transaction:
            return dict(transaction.cursor())
