"""Running data/prepare_data.py on the small data set, and what it wrote."""

import lmdb

from data import prepare_data


def prepare(root, out, *flags):
    return prepare_data.main([f"--root={root}", f"--out={out}", "--size=32x24", "--workers=2", *flags])


def contents(folder):
    with lmdb.open(str(folder), readonly=True, lock=False) as environment, environment.begin() as transaction:
        return dict(transaction.cursor())
