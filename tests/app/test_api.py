"""The page as programs use it, through gradio's API, and what it does to the machine."""

import concurrent.futures
import contextlib
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from pathlib import Path

import psutil
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from app.skeleton_editor import to_value
from data.given_pose import pose_of
from data.pose_gallery import gallery_pose
from diffusion.pipeline import PoseTransferPipeline, seeded
from tests.app.conftest import GALLERY, free_port, served
from tests.conftest import ROOT
from tests.processes import ENVIRONMENT

CLIENTS, REQUESTS, WARM_UP, SEEDS = 4, 50, 12, 5
# Notes each address that Python connects to. It is found as sitecustomize.
WATCH = """
import os, sys

def note(event, args):
    if event == "socket.connect" and isinstance(args[1], tuple):
        with open(os.environ["CONNECTIONS"], "a") as file:
            file.write(f"{args[1][0]}\\n")
    if event == "socket.getaddrinfo":
        with open(os.environ["CONNECTIONS"], "a") as file:
            file.write(f"{args[0]}\\n")

sys.addaudithook(note)
"""


@contextlib.contextmanager
def program(checkpoint, folder):
    """`python -m app` as a process of its own: (process, address), once it answers."""
    (folder / "sitecustomize.py").write_text(WATCH)
    paths = os.pathsep.join([str(folder), str(ROOT)])
    (folder / "temporary").mkdir()
    environment = {**ENVIRONMENT, "PYTHONPATH": paths, "CONNECTIONS": str(folder / "connections")}
    environment["TMPDIR"] = str(folder / "temporary")
    port = free_port()
    words = [sys.executable, "-m", "app", "--checkpoint", str(checkpoint), "--port", str(port)]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(address, process)
            yield process, address
        finally:
            process.terminate()
            process.wait()


def wait_for(address, process):
    while process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.2)
    raise AssertionError("the page ended before it answered")


def request(client, **changes):
    """The file of the picture that the page draws."""
    given = {
        "photo": handle_file(GALLERY / "person.jpg"),
        "source_pose": to_value(pose_of(GALLERY / "person.json")),
        "target_pose": to_value(gallery_pose("waving")),
        "sampler": "dpm++",
        "steps": 2,
        "guidance": 2,
        "seed": 0,
        "count": 1,
    } | changes
    _, pictures = client.predict(*given.values(), api_name="/transfer")
    return Path(pictures[0]["image"])


@pytest.mark.parametrize(
    "checkpoint",
    ["tiny", pytest.param(ROOT / "checkpoints/demo", marks=pytest.mark.long, id="demo")],
)
def test_fifty_requests_of_four_clients_get_equal_pictures_for_equal_seeds_in_flat_memory(
    checkpoint, tiny_checkpoint, tmp_path, record_property
):
    checkpoint = tiny_checkpoint if checkpoint == "tiny" else checkpoint
    with program(checkpoint, tmp_path) as (process, address):
        clients = [Client(address, verbose=False, download_files=tmp_path / f"client_{i}") for i in range(CLIENTS)]
        server = psutil.Process(process.pid)

        def ask(number):
            return number % SEEDS, request(
                clients[number % CLIENTS], seed=number % SEEDS, steps=1, guidance=1
            ).read_bytes()

        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            found = list(pool.map(ask, range(WARM_UP)))
            before = server.memory_info().rss
            found += pool.map(ask, range(WARM_UP, WARM_UP + REQUESTS))
            after = server.memory_info().rss
    by_seed = defaultdict(set)
    for seed, picture in found:
        by_seed[seed].add(picture)
    assert len(found) == WARM_UP + REQUESTS
    assert [len(pictures) for pictures in by_seed.values()] == [1] * SEEDS
    assert len(set.union(*by_seed.values())) == SEEDS
    record_property("figure", f"the page's memory over {REQUESTS} requests: {before >> 20} to {after >> 20} MiB")
    assert after < 1.05 * before
    assert not list((tmp_path / "temporary").glob("pose_transfer_*"))
    connected = set((tmp_path / "connections").read_text().split())
    assert connected <= {"127.0.0.1", "localhost"}  # It asks itself whether it answers.


@pytest.fixture(scope="module")
def client(tiny_pipeline, tmp_path_factory):
    with served(tiny_pipeline) as address:
        yield Client(address, verbose=False, download_files=tmp_path_factory.mktemp("client"))


def test_the_api_draws_what_the_pipeline_does(client, tiny_checkpoint):
    pipeline = PoseTransferPipeline.from_pretrained(tiny_checkpoint)
    photo = Image.open(GALLERY / "person.jpg").convert("RGB")
    expected = pipeline(
        photo, gallery_pose("waving"), pose_of(GALLERY / "person.json"), num_inference_steps=2, guidance_scale=2.0,
        generator=seeded(3),
    ).images[0]  # fmt: skip
    drawn = Image.open(request(client, seed=3)).convert("RGB")
    assert drawn.size == expected.size
    assert drawn.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": "many"}, "Steps: expected a whole number, from 1 to 1000, got 'many'"),
        ({"steps": 2.5}, "Steps: expected a whole number, from 1 to 1000, got '2.5'"),
        ({"guidance": -1}, "Guidance: expected a number, from 0 to 20"),
        ({"guidance": float("1e30")}, "Guidance: expected a number, from 0 to 20"),
        ({"seed": -1}, "Seed: expected a whole number, from 0"),
        ({"count": 1000}, "Pictures: expected a whole number, from 1 to 8"),
        ({"sampler": "ddim", "steps": 3}, "steps: expected"),
        ({"steps": 900, "count": 8}, "Steps: expected a whole number, from 1 to 750"),
        ({"photo": None}, "The photo: not there yet"),
        ({"source_pose": None}, "The photo's pose: not there yet"),
        ({"source_pose": {"size": [9, 9], "joints": []}}, "The photo's pose: expected"),
        ({"target_pose": {"size": [256, 176], "joints": [None] * 18}}, "The target pose: expected at least 6 joints"),
        ({"target_pose": "standing"}, "The target pose: expected a skeleton"),
        ({"target_pose": {"size": [256, 176], "joints": [[1e9, 0]] * 18}}, "The target pose: nose: expected"),
    ],
)
def test_what_the_api_cannot_use_is_named(client, changes, words):
    with pytest.raises(Exception) as caught:  # noqa: PT011 (gradio_client's own)
        request(client, **changes)
    assert str(caught.value).startswith(words)


def test_a_file_that_is_too_large_is_refused(client, tmp_path):
    large = tmp_path / "large.png"
    large.write_bytes(bytes(21 * 1024 * 1024))
    with pytest.raises(Exception, match=r"(?i)size|large"):
        request(client, photo=handle_file(large))


def test_a_full_queue_turns_away_with_a_sentence(tiny_pipeline, monkeypatch):
    monkeypatch.setattr("app.page.WAITING", 1)
    turned_away = threading.Event()

    def hold(*_):
        turned_away.wait(20)

    with tiny_pipeline.model.denoiser.register_forward_pre_hook(hold), served(tiny_pipeline) as address:
        clients = [Client(address, verbose=False) for _ in range(4)]
        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            jobs = [pool.submit(request, one) for one in clients]
            for job in jobs:
                job.add_done_callback(lambda job: job.exception() and turned_away.set())
            said = [str(job.exception()) for job in jobs if job.exception()]
    assert said
    assert all("queue" in text.lower() for text in said)
    assert len(said) < len(jobs)
