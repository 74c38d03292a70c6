"""scripts/launch.py: real launchers over small workers, which are told to stop, fail and are killed."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT
from tests.processes import ENVIRONMENT

# Its words: a folder, and what to do. In the folder it leaves a file for each of its starts.
WORKER = """
import os, pathlib, signal, sys, time

folder, deed = pathlib.Path(sys.argv[1]), sys.argv[2]
rank, restarts = os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]

def save(number, frame):
    time.sleep(0.3)
    (folder / f"saved.{rank}.{signal.Signals(number).name}").touch()
    sys.exit(75)

for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, save)
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
(folder / f"started.{rank}.{restarts}.{os.environ['WORLD_SIZE']}").write_text(f"{os.getpid()} {os.getppid()}")
if deed == "sleep":
    time.sleep(60)
elif deed == "need-peers":
    for _ in range(600):
        time.sleep(0.1)
        if (folder / "finish").exists():
            sys.exit()
        for file in folder.glob(f"started.*.{restarts}.{os.environ['WORLD_SIZE']}"):
            try:
                os.kill(int((file.read_text() or str(os.getpid())).split()[0]), 0)
            except ProcessLookupError:
                sys.exit("a peer is gone")
elif deed == "die-once" and restarts == "0" or deed == "die":
    if rank == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
elif deed.isdigit():
    sys.exit(int(deed))
"""


class Job:
    """Launchers, one per node, over workers that share a folder."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "worker.py").write_text(WORKER)
        self.launchers = []

    def start(self, deed, *flags, processes=2):
        """Start a launcher, by default for the only node."""
        launcher = subprocess.Popen(
            [sys.executable, "scripts/launch.py", "--nproc-per-node", str(processes), *(flags or ["--standalone"]),
             self.folder / "worker.py", self.folder, deed],
            cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.launchers.append(launcher)
        return launcher

    def files(self, pattern):
        return sorted(file.name for file in self.folder.glob(pattern))

    def wait_for(self, pattern, count=2):
        deadline = time.monotonic() + 30
        while len([file for file in self.folder.glob(pattern) if file.read_text()]) < count:
            assert time.monotonic() < deadline, f"{pattern}: {self.files('*')}"
            time.sleep(0.05)

    def workers(self, launcher):
        """The processes that this launcher started."""
        lines = [file.read_text().split() for file in self.folder.glob("started.*")]
        return [int(worker) for worker, parent in lines if int(parent) == launcher.pid]

    def kill(self, launcher):
        """What becomes of a node that loses power."""
        workers = self.workers(launcher)
        launcher.kill()
        launcher.wait()
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


@pytest.fixture
def job(tmp_path):
    job = Job(tmp_path)
    yield job
    for launcher in job.launchers:
        job.kill(launcher)


def end_of(launcher):
    """Its exit code and the last line it wrote, which is the launcher's own."""
    stderr = launcher.communicate(timeout=60)[1]
    assert "Traceback" not in stderr, stderr
    return launcher.returncode, (stderr.splitlines() or [""])[-1]


@pytest.fixture
def port():
    """Where launchers that play nodes meet."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def node(nodes, port, *settings):
    """The flags of each of so many launchers."""
    quick = ",".join(["last_call_timeout=4", "keep_alive_interval=1", "keep_alive_max_attempt=4", *settings])
    return f"--nnodes={nodes}", "--rdzv-backend=c10d", f"--rdzv-endpoint=localhost:{port}", f"--rdzv-conf={quick}"


def wait_for_the_head(port):
    """Wait until the first launcher holds the meeting point."""
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("localhost", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("no meeting point")


def test_a_run_that_ends_well_ends_with_0(job):
    assert end_of(job.start("0")) == (0, "")
    assert job.files("started.*") == ["started.0.0.2", "started.1.0.2"]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
def test_a_run_told_to_stop_saves_and_ends_with_75(job, name):
    launcher = job.start("sleep")
    job.wait_for("started.*")
    launcher.send_signal(signal.Signals[name])
    assert end_of(launcher) == (75, f"launch: stopped by {name}, and the same command goes on; exit code 75")
    assert job.files("saved.*") == [f"saved.0.{name}", f"saved.1.{name}"]


def test_a_run_told_to_stop_before_it_began_ends_with_75(job, port):
    head = job.start("sleep", *node(2, port))
    wait_for_the_head(port)
    head.send_signal(signal.SIGUSR1)
    assert end_of(head)[0] == 75
    assert job.files("started.*") == []


def test_an_interrupted_run_ends_with_130(job):
    launcher = job.start("sleep")
    job.wait_for("started.*")
    launcher.send_signal(signal.SIGINT)
    assert end_of(launcher)[0] == 130


def test_input_that_cannot_be_used_ends_with_2_and_is_not_tried_again(job):
    code, last = end_of(job.start("2", "--standalone", "--max-restarts=3"))
    assert (code, "could not use its input" in last) == (2, True)
    assert set(job.files("started.*")) <= {"started.0.0.2", "started.1.0.2"}


@pytest.mark.parametrize(("ended", "code"), [(7, 7), (75, 75), (141, 1)])
def test_a_process_that_fails_passes_its_exit_code_on(job, ended, code):
    assert end_of(job.start(str(ended), processes=1)) == (
        code,
        f"launch: rank 0 ended with exit code {ended}; exit code {code}",
    )


def test_a_process_that_is_killed_again_and_again_ends_the_run_with_1(job):
    launcher = job.start("die", "--standalone", "--max-restarts=1")
    assert end_of(launcher) == (1, "launch: rank 1 was killed by SIGKILL; exit code 1")
    assert "started.1.1.2" in job.files("started.*")


def test_a_killed_process_is_started_again_with_the_others(job):
    assert end_of(job.start("die-once", "--standalone", "--max-restarts=1"))[0] == 0
    assert {"started.0.1.2", "started.1.1.2"} <= set(job.files("started.*"))


def test_two_nodes_are_one_run_and_stop_together(job, port):
    launchers = [job.start("sleep", *node(2, port)) for _ in range(2)]
    job.wait_for("started.?.0.4", count=4)
    for launcher in launchers:
        launcher.send_signal(signal.SIGUSR1)
    assert [end_of(launcher)[0] for launcher in launchers] == [75, 75]
    assert len(job.files("saved.*")) == 4


def test_bad_input_is_noticed_among_processes_that_ended_otherwise():
    code = """
import os, sys
sys.path.insert(0, "scripts")
import launch
for pid in [os.fork() or os._exit(code) for code in (1, 2)]:
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
launch.notice_unusable_input(0, None)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "could not use its input and is not started again" in done.stderr


def test_a_run_goes_on_without_a_node_that_is_lost(job, port):
    head, lost = start_the_head_and_another(job, "1:2", port, "--max-restarts=1")
    job.kill(lost)
    job.wait_for("started.0.1.1", count=1)
    (job.folder / "finish").touch()
    assert end_of(head)[0] == 0


def test_a_run_that_loses_its_head_ends_with_1(job, port):
    head, other = start_the_head_and_another(job, "1:2", port, "--max-restarts=1")
    job.kill(head)
    code, last = end_of(other)
    assert code == 1
    assert last.startswith("launch: the nodes did not find, or lost, each other (")


def test_nodes_that_do_not_find_each_other_say_so(job, port):
    code, last = end_of(job.start("0", *node(2, port, "is_host=0", "read_timeout=1")))
    assert code == 1
    assert last.startswith("launch: the nodes did not find, or lost, each other (RendezvousConnectionError")


def start_the_head_and_another(job, nodes, port, *flags):
    """Start two nodes of one process each, that fail when their peer is gone, and wait until they run."""
    head = job.start("need-peers", *node(nodes, port), *flags, processes=1)
    wait_for_the_head(port)
    other = job.start("need-peers", *node(nodes, port), *flags, processes=1)
    job.wait_for("started.?.0.2")
    return head, other
