"""Worker processes that load batches, and are replaced when they die.

Not torch's DataLoader: when one of its workers dies, it raises an error in the main process wherever that is, be it in
the middle of an optimizer's step, and the workers share a queue whose lock a killed one may hold for ever.
"""

import atexit
import collections
import contextlib
import itertools
import os
import pickle
import signal
import time
import traceback
from multiprocessing.connection import wait

import cv2
import torch
from torch import multiprocessing
from torch.utils.data import default_collate

from data.slots import Slot
from system.errors import InputError
from system.machine import keep_memory

AHEAD = 2  # Batches that a worker is asked for at a time.
DEATHS = 3  # Of workers that load the same batch, before it is given up.
PATIENCE = 5.0  # Seconds that a worker has for what it is at when it is to end.
_NAMES = {number.value: number.name for number in signal.Signals}
_HINTS = {"SIGKILL": "memory may have run out: lower {}", "SIGBUS": "a file that it read may have been cut short"}


class Workers:
    """`count` processes that load lists of a dataset's items, in turns.

    Each has a pipe of its own and shares no lock with the others, so a worker that dies, at whatever moment, takes
    nothing along: another one is started and loads again what had not been handed over. The process itself keeps its
    signal handlers; it learns of a death where it waits for the batch. `setting` is the user's word for `count`.

    Batches cross in shared memory that each worker fills again and again: answer number n lies in its slot n % AHEAD.
    It is copied as soon as the answer is taken, and only then is the worker asked for the batch that goes there next.
    """

    def __init__(self, dataset, count, setting, tell, pin=False):
        """`tell` is called with a sentence when a worker has died; `pin` puts batches into pinned memory."""
        self._setting, self._tell = setting, tell
        self._owner = os.getpid()
        self._workers = []
        atexit.register(self.close)  # Runs before multiprocessing's own, which would wait for workers for ever.
        for _ in range(count):
            self._workers.append(_Worker(dataset, pin))

    def load(self, batches):
        """The batch of each list of indices in the iterable `batches`, in its order.

        Raises what the dataset raised if it is an InputError, else a RuntimeError with its traceback; and InputError
        where three workers died one after the other over the same batch.
        """
        batches, due = iter(batches), collections.deque()

        def ask(worker):
            if (indices := next(batches, None)) is not None:
                worker.ask(indices)
                due.append(worker)

        for worker in AHEAD * self._workers:
            ask(worker)
        while due:
            worker = due.popleft()
            batch = self._take(worker)
            ask(worker)
            yield batch

    def _take(self, worker):
        deaths = 0
        while True:
            try:
                answer = worker.take()
            except (EOFError, OSError):
                cause = worker.cause_of_death(self._setting)
                if cause is None:  # The fault is this process's own.
                    raise
            else:
                if isinstance(answer, Exception):
                    raise answer
                return answer
            deaths += 1
            if deaths == DEATHS:
                raise InputError(f"{self._setting}: {DEATHS} workers died one after the other; the last {cause}")
            self._tell(f"a worker {cause}; another one takes its place")
            worker.start()

    def close(self):
        """End the processes. Does nothing in a process that got this object through a fork."""
        if os.getpid() != self._owner:
            return
        atexit.unregister(self.close)
        deadline = time.monotonic() + PATIENCE
        for worker in self._workers:
            worker.ask(None)
        for worker in self._workers:
            worker.end(deadline)


class _Worker:
    """One process, and the lists of indices that it has been asked for but has not answered."""

    def __init__(self, dataset, pin):
        self._dataset, self._pin = dataset, pin
        self._slots = [Slot() for _ in range(AHEAD)]
        self._asked = collections.deque()
        self.start()

    def start(self):
        """Start the process, again if it has died. What it may have died of goes to it alone, the rest after that."""
        self._place = multiprocessing.RawValue("q", -1)  # The index it is at, or -1; can be read when it has died, too.
        self._pipe, theirs = multiprocessing.Pipe()
        arguments = (self._dataset, self._slots, theirs, self._place)
        self._process = multiprocessing.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()  # Only the process has it now, so the pipe ends when it does.
        self._turns = itertools.cycle(self._slots)
        self._held = list(self._asked)
        self._send_held(1)

    def ask(self, indices):
        """Have it load a list of indices; None ends it after what it was asked for."""
        self._asked.append(indices)
        self._send(indices)

    def take(self):
        """The next answer. Raises EOFError or OSError where the process has died."""
        answer, slot = self._pipe.recv(), next(self._turns)
        self._asked.popleft()
        if not isinstance(answer, Exception):
            answer = slot.copied(answer, self._pin)
        self._send_held(len(self._held))
        return answer

    def _send_held(self, count):
        now, self._held = self._held[:count], self._held[count:]
        for indices in now:
            self._send(indices)

    def _send(self, message):
        with contextlib.suppress(OSError):  # It is dead; `take` will find out.
            self._pipe.send(message)

    def cause_of_death(self, setting):
        """What happened to the process, said of "a worker"; None where it lives."""
        self._process.join(PATIENCE)
        if (code := self._process.exitcode) is None:
            return None
        signal_name = _NAMES.get(-code, f"signal {-code}")
        how = f"ended with exit code {code}" if code >= 0 else f"was killed by {signal_name}"
        place = self._place.value
        where = f"at position {place}" if place >= 0 else f"before position {self._asked[0][0]}"
        hint = f" ({_HINTS[signal_name].format(setting)})" if signal_name in _HINTS else ""
        return f"(process {self._process.pid}) {how} {where}{hint}"

    def end(self, deadline):
        """Wait for the process until then, and kill it if it has not ended."""
        self._process.join(max(0, deadline - time.monotonic()))
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        self._pipe.close()
        for slot in self._slots:
            slot.close()


def _serve(dataset, slots, pipe, place):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # Sent to the whole group, they are for the parent, which needs data yet.
    cv2.setNumThreads(0)  # One worker, one thread.
    torch.set_num_threads(1)
    keep_memory()  # Of one batch, for the next.
    parent = multiprocessing.parent_process()
    assert parent is not None
    ended = parent.sentinel  # Ready when it has, however it did.
    turns = itertools.cycle(slots)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # The parent is gone.
        while ended not in wait([pipe, ended]):
            if (indices := pipe.recv()) is None:
                break
            answer = _answer(dataset, indices, place, next(turns))
            pipe.send_bytes(pickle.dumps(answer))  # Not `send`, which gives each tensor shared memory of its own.
            place.value = -1


def _answer(dataset, indices, place, slot):
    """A batch whose tensors lie in the slot, or what its loading raised."""
    slot.clear()
    try:
        return load_batch(dataset, indices, place, slot.stack)
    except InputError as error:
        return error
    except Exception:  # noqa: BLE001 (it is raised where the batch is asked for)
        return RuntimeError(f"in a worker:\n{traceback.format_exc()}")


def load_batch(dataset, indices, place=None, stack=torch.stack) -> dict:
    """The items of these indices, which are dicts: joined as torch does it, and the lists `damaged` into one.

    A worker gives its `place`, and its way to `stack` tensors.
    """
    items = []
    for index in indices:
        if place is not None:
            place.value = index
        items.append(dataset[index])
    return {name: _joined(name, [item[name] for item in items], stack) for name in items[0]}


def _joined(name, values, stack):
    if name == "damaged":
        return [message for messages in values for message in messages]
    return stack(values) if torch.is_tensor(values[0]) else default_collate(values)
