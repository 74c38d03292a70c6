import os

import pytest
import torch

from system import machine
from system.machine import usable_cores, use_machine


@pytest.fixture
def cores(monkeypatch, tmp_path):
    """cores(affinity, files): a machine whose mask allows so many cores, with control files, name -> text."""

    def make(affinity, files):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(affinity)), raising=False)
        monkeypatch.setattr(machine, "QUOTAS", [tmp_path / "cpu.max", tmp_path / "cpu.cfs_quota_us"])

    return make


@pytest.mark.parametrize(
    ("affinity", "files", "expected"),
    [
        (8, {}, 8),
        (8, {"cpu.max": "max 100000\n"}, 8),
        (8, {"cpu.max": "250000 100000\n"}, 3),
        (2, {"cpu.max": "400000 100000\n"}, 2),
        (8, {"cpu.max": "10000 100000\n"}, 1),
        (8, {"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}, 8),
        (8, {"cpu.cfs_quota_us": "200000\n", "cpu.cfs_period_us": "100000\n"}, 2),
        (8, {"cpu.max": "gibberish\n"}, 8),
    ],
)
def test_cores_are_those_of_the_mask_and_of_the_containers_share(cores, affinity, files, expected):
    cores(affinity, files)
    assert usable_cores() == expected


def test_a_program_has_no_more_threads_than_cores_unless_told_otherwise(cores, monkeypatch):
    cores(64, {"cpu.max": "200000 100000\n"})
    threads, kept = [], []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    monkeypatch.setattr(machine, "keep_memory", lambda: kept.append(True))
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", "1")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    use_machine()
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    use_machine(thrifty=True)
    assert threads == [2]
    assert len(kept) == (0 if torch.cuda.is_available() else 1)
