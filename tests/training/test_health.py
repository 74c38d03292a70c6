import os
import signal
import time

from training.health import StopSignals, Watchdog


def test_signals_leave_a_note_of_the_first_and_nothing_else():
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals() as signals:
        assert signals.received is None
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.received == "SIGUSR1"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_step_that_takes_too_long_is_told_with_its_stack_and_again(capfd):
    def hang():
        while capfd_text().count("Where every thread") < 2:
            time.sleep(0.01)

    seen = []

    def capfd_text():
        seen.append(capfd.readouterr().err)
        return "".join(seen)

    with Watchdog(0.2).watching("RUN: step 7"):
        hang()
    text = capfd_text()
    assert "RUN: step 7 has been running for 0.2 s (training.stall_seconds)" in text
    assert "RUN: step 7 has been running for 0.4 s" in text
    assert "in hang" in text


def test_a_step_in_time_is_not_told(capfd):
    with Watchdog(60).watching("RUN: step 7"):
        pass
    assert capfd.readouterr().err == ""
