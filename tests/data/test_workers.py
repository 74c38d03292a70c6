"""Loader processes that are killed, signalled and left behind."""

import dataclasses
import faulthandler
import logging
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from data.loader import Loader
from system.errors import InputError
from tests.data.conftest import SIZE
from tests.data.prepared import loader_of

PAIRS = [[first, first + 1] for first in range(0, 40, 2)]


class Numbers(torch.utils.data.Dataset):
    """An item holds its index and the process that loaded it; at `last`, `end` is called first, `times` over."""

    def __init__(self, last=None, end=lambda: None, times=None):
        self.last, self.end = last, end
        self.left = multiprocessing.Value("i", 1000 if times is None else times)

    def __getitem__(self, index):
        if index == self.last and self.left.value > 0:
            self.left.value -= 1
            self.end()
        return {"position": torch.tensor(index), "process": os.getpid()}


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


def die_of(number):
    faulthandler.disable()  # It would say the same at length.
    os.kill(os.getpid(), number)


def workers():
    """Process ids of this process's workers."""
    return [process.pid for process in multiprocessing.active_children() if process.pid]


def kill(pid):
    """Kill a process and wait until it is dead: until then it may be among the workers still."""
    os.kill(pid, signal.SIGKILL)
    assert comes_true(lambda: not runs(pid))


def positions(batches):
    return [batch["position"].tolist() for batch in batches]


def comes_true(condition, seconds=10):
    """Whether the condition does, within that time."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds


def runs(pid):
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_batches_of_workers_that_are_killed_are_those_of_an_undisturbed_loader(settings, caplog):
    undisturbed = list(loader_of(settings, SIZE, 0, 3, steps=30))
    loader = loader_of(dataclasses.replace(settings, workers=2), SIZE, 0, 3, steps=30)
    killed, seen = [], []
    for n, batch in enumerate(loader):
        seen.append(batch)
        if n in (0, 7, 8, 20):
            killed.append(workers()[n % 2])
            kill(killed[-1])
    assert len(seen) == 30
    for one, other in zip(seen, undisturbed, strict=True):
        assert all(torch.equal(torch.as_tensor(one[name]), torch.as_tensor(other[name])) for name in other)
    assert len(loader.incidents) == 4
    for pid in killed:
        said = [incident for incident in loader.incidents if f"(process {pid})" in incident]
        assert len(said) == 1
        assert said[0].startswith(f"a worker (process {pid}) was killed by SIGKILL ")
        assert "(memory may have run out: lower data.workers)" in said[0]
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warned == [f"data.workers: {incident}" for incident in loader.incidents]


def test_workers_that_are_all_killed_at_once_lose_no_batch():
    loader = Loader(Numbers(), 3, PAIRS)
    seen = []
    for batch in loader:
        seen.append(batch)
        if len(seen) in (3, 4, 11):
            for pid in workers():
                os.kill(pid, signal.SIGKILL)
    assert positions(seen) == PAIRS


@pytest.mark.parametrize("count", [1, 2])
def test_an_item_that_is_the_end_of_every_worker_ends_with_its_position(count):
    loader = Loader(Numbers(13, kill_self), count, PAIRS)
    batches = iter(loader)
    assert [next(batches)["position"].tolist() for _ in range(6)] == PAIRS[:6]
    with pytest.raises(InputError) as caught:
        next(batches)
    message = str(caught.value)
    assert message.startswith("data.workers: 3 workers died one after the other; the last (process ")
    assert message.endswith("was killed by SIGKILL at position 13 (memory may have run out: lower data.workers)")
    assert len(loader.incidents) == 2
    assert workers() == []


def test_a_batch_that_lies_ready_outlives_its_worker():
    loader = Loader(Numbers(4, kill_self, times=1), 1, PAIRS)
    batches = iter(loader)
    seen = [next(batches)]
    assert comes_true(lambda: workers() == [])  # It has died of the third batch, and the second was not read yet.
    seen.append(next(batches))
    assert seen[0]["process"].tolist() == seen[1]["process"].tolist()
    assert loader.incidents == []
    seen.extend(batches)
    assert positions(seen) == PAIRS
    assert len(loader.incidents) == 1


def test_the_setting_is_called_by_the_users_word():
    loader = Loader(Numbers(0, kill_self), 1, PAIRS, setting="--workers")
    with pytest.raises(InputError, match=r"^--workers: 3 workers .* lower --workers\)$"):
        next(iter(loader))


def test_a_worker_that_dies_before_it_loads_anything_is_placed_before_its_batch(monkeypatch):
    monkeypatch.setattr("data.workers.cv2.setNumThreads", lambda _: os._exit(1))
    loader = Loader(Numbers(), 1, PAIRS)
    with pytest.raises(InputError, match=r"ended with exit code 1 before position 0$"):
        next(iter(loader))


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (lambda: os._exit(3), "ended with exit code 3 at position 13; another one"),
        (lambda: die_of(signal.SIGBUS), "was killed by SIGBUS at position 13 (a file that it read may have been"),
        (lambda: die_of(signal.SIGSEGV), "was killed by SIGSEGV at position 13; another one"),
    ],
)
def test_the_cause_of_a_death_is_said_and_two_of_them_are_survived(end, said):
    loader = Loader(Numbers(13, end, times=2), 2, PAIRS)
    assert positions(loader) == PAIRS
    assert [said in incident for incident in loader.incidents] == [True, True]


def test_signals_to_the_group_leave_the_workers_at_work():
    loader = Loader(Numbers(), 2, PAIRS)
    batches = iter(loader)
    seen = [next(batches), next(batches)]  # Both are at work, so both have seen to their signals.
    before = workers()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        for pid in before:
            os.kill(pid, number)
    seen.extend(batches)
    assert positions(seen) == PAIRS
    assert {pid for batch in seen for pid in batch["process"].tolist()} == set(before)
    assert loader.incidents == []


def test_a_death_is_not_felt_between_two_batches():
    handler = signal.getsignal(signal.SIGCHLD)
    batches = iter(Loader(Numbers(), 2, PAIRS))
    next(batches)
    assert signal.getsignal(signal.SIGCHLD) is handler
    for pid in workers():
        os.kill(pid, signal.SIGKILL)
    assert comes_true(lambda: workers() == [])  # Nothing is raised meanwhile.
    assert positions(batches) == PAIRS[1:]


def test_a_mistake_in_the_dataset_arrives_with_its_traceback():
    with pytest.raises(RuntimeError, match=r"(?s)^in a worker:\nTraceback .*ZeroDivisionError"):
        list(Loader(Numbers(13, lambda: 1 // 0), 2, PAIRS))
    assert workers() == []


def test_a_closed_loader_leaves_no_worker():
    batches = iter(Loader(Numbers(), 2, PAIRS))
    next(batches)
    pids = workers()
    assert len(pids) == 2
    batches.close()
    assert not any(map(runs, pids))


def test_a_worker_that_does_not_end_is_killed_at_the_close(monkeypatch):
    monkeypatch.setattr("data.workers.PATIENCE", 0.2)
    batches = iter(Loader(Numbers(4, lambda: time.sleep(60)), 1, PAIRS))
    next(batches)
    pids = workers()
    batches.close()
    assert not any(map(runs, pids))


def test_a_loader_that_came_along_with_a_fork_ends_nobodys_workers():
    loader = Loader(Numbers(), 2, PAIRS)
    batches = iter(loader)
    seen = [next(batches)]
    before = workers()
    child = multiprocessing.get_context("fork").Process(target=batches.close)
    child.start()
    child.join()
    assert child.exitcode == 0
    seen.extend(batches)
    assert positions(seen) == PAIRS
    assert {pid for batch in seen for pid in batch["process"].tolist()} == set(before)
