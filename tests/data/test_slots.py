"""Shared memory in which batches cross, and which is used again."""

import dataclasses
import gc
import mmap
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from data.dataset import PairDataset
from data.loader import Loader
from data.slots import Slot
from data.workers import AHEAD, load_batch
from tests.data.conftest import SIZE
from tests.data.prepared import loader_of
from tests.data.test_workers import kill, workers

LENGTHS = [2, 1, 3, 3, 8, 2, 1, 8, 9, 4] * 6
LARGE = 2 * sum(LENGTHS) // 6  # A batch begins there.


def lists(lengths):
    """Lists of that many indices, which go on from each other."""
    ends = np.cumsum(lengths)
    return [list(range(end - length, end)) for end, length in zip(ends.tolist(), lengths, strict=True)]


class Mixed(torch.utils.data.Dataset):
    """Items with values of many kinds, which follow from the index. Items before `first_large` are smaller."""

    def __init__(self, first_large=0):
        self.first_large = first_large

    def __getitem__(self, index):
        side = 64 if index < self.first_large else 256
        return {
            "flag": torch.tensor(index % 3 == 0),
            "bytes": torch.full((3, side, side), index % 251, dtype=torch.uint8),
            "turned": (torch.arange(6.0).double() + index).view(2, 3).t(),
            "half": torch.tensor([index / 8], dtype=torch.half),
            "empty": torch.empty(0, 3),
            "number": index,
            "name": f"item {index}",
            "array": np.full(5, index, dtype=np.int16),
            "nested": {"tensor": torch.tensor([index, 1]), "names": ("a", str(index))},
            "damaged": [f"{index} is damaged"] * (index % 2),
        }


def assert_equal(one, other):
    assert type(one) is type(other)
    if torch.is_tensor(one):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        assert_equal(list(one.values()), list(other.values()))
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    else:
        assert one == other


def mapped(pid):
    """The parts of a process's address space that are slots: a line for each, with its place and its size."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {line for line in lines if "/memfd:batch" in line}


def descriptors(pid):
    """How many files a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_a_slot_gives_the_batch_that_is_put_together_without_it(settings):
    dataset, place, slot = PairDataset(settings, SIZE, 0), multiprocessing.RawValue("q", -1), Slot()
    for indices in ([3, 1, 7], [2], [9, 8, 0, 4]):
        slot.clear()
        batch = load_batch(dataset, indices, place, slot.stack)
        assert place.value == indices[-1]
        assert sum(torch.is_tensor(value) for value in batch.values()) == 1  # The positions, which were no tensors.
        assert_equal(slot.copied(batch, pin=False), load_batch(dataset, indices))


def test_what_was_copied_from_a_slot_is_nobody_elses():
    slot = Slot()
    batch = {"values": slot.stack([torch.zeros(5), torch.ones(5)])}
    one, other = slot.copied(batch, pin=False), slot.copied(batch, pin=False)
    one["values"] += 1
    slot.clear()
    slot.stack([torch.full((5,), 7.0)] * 2)
    assert one["values"].unique().tolist() == [1, 2]
    assert other["values"].unique().tolist() == [0, 1]


@pytest.mark.parametrize("count", [1, 3])
def test_values_of_every_kind_cross_in_batches_of_any_length(count):
    for dataset in (Mixed(), Mixed(LARGE)):
        batches = lists(LENGTHS)
        assert_equal(list(Loader(dataset, count, batches)), list(Loader(dataset, 0, batches)))


def test_a_batch_that_is_kept_stays_what_it_was(settings):
    kept, copies = [], []
    for batch in loader_of(dataclasses.replace(settings, workers=2), SIZE, 0, 2, steps=40):
        kept.append(batch)
        copies.append({name: value.clone() if torch.is_tensor(value) else value for name, value in batch.items()})
    assert_equal(kept, copies)
    assert_equal(kept, list(loader_of(settings, SIZE, 0, 2, steps=40)))


def test_no_slot_is_filled_before_it_has_been_read(monkeypatch):
    copied = Slot.copied
    monkeypatch.setattr(Slot, "copied", lambda *args, **how: time.sleep(0.02) or copied(*args, **how))
    batches = lists([2] * 12)
    assert_equal(list(Loader(Mixed(), 1, batches)), list(Loader(Mixed(), 0, batches)))


def test_slots_are_used_again_and_leave_with_the_loader(monkeypatch):
    gc.collect()
    map_file, calls = mmap.mmap, []
    monkeypatch.setattr("data.slots.mmap.mmap", lambda *args: calls.append(args) or map_file(*args))
    others, opened, kept, slots, most = mapped("self"), descriptors("self"), [], set(), set()
    batches = iter(Loader(Mixed(), 2, lists([3] * 60)))
    for count in range(50):
        kept.append(next(batches))
        slots |= mapped("self") - others
        if count == 2 * AHEAD - 1:
            assert len(calls) >= 2 * AHEAD  # Or more: a slot grows with its first tensors.
            calls.clear()
        most.add(descriptors("self"))
        if count % 20 == 7:
            kill(workers()[0])
    assert len(slots) == 2 * AHEAD  # None has grown.
    assert calls == []  # None was mapped anew.
    assert max(most) < opened + 20
    assert all(len(mapped(pid) - others) <= 2 * AHEAD for pid in workers())
    batches.close()
    del batches
    gc.collect()
    assert mapped("self") == others
    assert descriptors("self") == opened


@pytest.mark.parametrize("count", [1, 2])
def test_batches_that_grow_cross_though_workers_are_killed(count):
    batches, seen = lists(LENGTHS), []
    loader = Loader(Mixed(LARGE), count, batches)
    for batch in loader:
        seen.append(batch)
        if len(seen) % 6 == 1:  # Often enough, yet after the last one was replaced.
            kill(workers()[len(seen) % count])
    assert_equal(seen, list(Loader(Mixed(LARGE), 0, batches)))
    assert len(loader.incidents) >= 9


class Growing(torch.utils.data.Dataset):
    """Items of which no two are of one shape."""

    def __getitem__(self, index):
        return {"values": torch.zeros(1, index)}


def test_items_that_do_not_fit_together_are_refused_with_the_sentence_of_torch():
    with pytest.raises(RuntimeError, match=r"(?s)^in a worker:.*stack expects each tensor to be equal size"):
        list(Loader(Growing(), 1, [[5], [1, 2]]))
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        list(Loader(Growing(), 0, [[5], [1, 2]]))


def test_slots_reach_workers_that_are_no_forks(monkeypatch):
    monkeypatch.setattr("data.workers.multiprocessing.Process", multiprocessing.get_context("spawn").Process)
    batches = lists([2, 3, 2, 4])
    assert_equal(list(Loader(Mixed(), 1, batches)), list(Loader(Mixed(), 0, batches)))
