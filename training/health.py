"""What keeps watch over a run: signals that ask it to stop, and a clock on its steps."""

import contextlib
import faulthandler
import signal
import sys
import threading

STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class StopSignals:
    """In a `with` block, SIGTERM and SIGUSR1 only leave a note: `received` is the first one's name, or None."""

    received = None

    def __enter__(self):
        self._before = {number: signal.signal(number, self._note) for number in STOP_SIGNALS}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, _):
        self.received = self.received or signal.Signals(number).name


class Watchdog:
    """Says on stderr, with the stack of every thread, when a step takes longer than `seconds`, and again each time as
    much has passed. It changes nothing: what waits may yet come.
    """

    def __init__(self, seconds):
        self.seconds = seconds

    @contextlib.contextmanager
    def watching(self, what):
        """The clock runs for the length of the `with` block; `what` is its name."""
        done = threading.Event()
        thread = threading.Thread(target=self._watch, args=(what, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _watch(self, what, done):
        waited = 0
        while not done.wait(self.seconds):
            waited += self.seconds
            sys.stderr.write(
                f"{what} has been running for {waited} s (training.stall_seconds); a loader worker, a disk or another "
                "process may hang. Where every thread of this process stands:\n"
            )
            sys.stderr.flush()
            faulthandler.dump_traceback(file=2, all_threads=True)
