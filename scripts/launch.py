"""Start processes as torchrun does, with exit codes that say what happened.

    python scripts/launch.py [flags of torchrun] train.py CONFIG [key=value ..]

0    done.
2    a process could not use what it was given; its own sentence says what. It is not started again.
75   told to stop by SIGTERM or SIGUSR1, which the processes are told in turn. The same command goes on.
129, 130, 131   ended by SIGHUP, SIGINT (Ctrl-C) or SIGQUIT, which the processes are told as well.
1, or another   with no restarts left, the exit code of the process that failed first; 1 if a signal killed it, or if
                the nodes did not find each other.

Processes that are told to stop have TORCH_ELASTIC_SHUTDOWN_TIMEOUT seconds for it, 300 unless set.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.flags import sentence
from system.errors import STOPPED, UNUSABLE

SIGNALS = [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT]


class UnusableInput(BaseException):
    """A process could not use its input. Nothing on the way up holds this for a failure that it could get over."""


def leave(reason, code):
    """End with that exit code, and say why."""
    print(f"launch: {reason}; exit code {code}", file=sys.stderr)
    sys.exit(code)


def notice_unusable_input(_signal, _frame):
    """Handle SIGCHLD: a process that ended over its input would do so each time. All are looked at, none waited for."""
    for child in psutil.Process().children():
        with contextlib.suppress(ChildProcessError):  # Waited for meanwhile.
            end = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if end and end.si_code == os.CLD_EXITED and end.si_status == UNUSABLE:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                raise UnusableInput(f"process {end.si_pid} could not use its input and is not started again")


def leave_after(failure, rank):
    """End as the process did that failed first."""
    if failure.exitcode < 0:
        leave(f"rank {rank} was killed by {failure.signal_name()}", 1)
    leave(f"rank {rank} ended with exit code {failure.exitcode}", failure.exitcode if failure.exitcode < 128 else 1)


def refuse(message):
    """End over words that torchrun does not take, which argparse tells of."""
    print(f"error: {sentence(message)}", file=sys.stderr)
    sys.exit(UNUSABLE)


def main(words):
    """Hand the words to torchrun, and leave with an exit code that says how it went."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # One that comes while torch is loaded is heard after that.
    from torch.distributed import DistError, run
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous import RendezvousError

    def stop(number, _frame):
        raise SignalException("", signal.Signals(number))

    for number in SIGNALS:  # torchrun does so for most of them, and only once the nodes have found each other.
        signal.signal(number, stop)
    if hasattr(os, "waitid"):  # Python has it on macOS from 3.13.
        signal.signal(signal.SIGCHLD, notice_unusable_input)
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "300")
    # The store where processes find each other is made anew at each restart: a shared one still holds the addresses of
    # those that are gone, and the new ones wait for them.
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        parser = run.get_args_parser()
        parser.error = refuse
        run.run(parser.parse_args(words))
    except SignalException as told:
        code = STOPPED if told.sigval in (signal.SIGTERM, signal.SIGUSR1) else 128 + told.sigval
        leave(f"stopped by {told.sigval.name}, and the same command goes on", code)
    except UnusableInput as error:
        leave(error, UNUSABLE)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        leave_after(failure, rank)
    except (RendezvousError, DistError) as error:
        leave(f"the nodes did not find, or lost, each other ({type(error).__name__}: {error})", 1)
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


if __name__ == "__main__":
    main(sys.argv[1:])
