"""Shared memory in which batches cross, and which is used again."""

import torch

from data.slots import Slot


def test_what_was_copied_from_a_slot_is_nobody_elses():
    slot = Slot()
    batch = {"values": slot.stack([torch.zeros(5), torch.ones(5)])}
    one, other = slot.copied(batch, pin=False), slot.copied(batch, pin=False)
    one["values"] += 1
    slot.clear()
    slot.stack([torch.full((5,), 7.0)] * 2)
    assert one["values"].unique().tolist() == [1, 2]
    assert other["values"].unique().tolist() == [0, 1]
