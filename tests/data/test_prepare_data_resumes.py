import multiprocessing
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data import prepare_data
from data.store import ImageStore
from data.store_writer import StoreWriter
from tests.data.prepared import contents, prepare

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def grown(make_root, tmp_path):
    """(root, out, whole): a data base of 6 of 24 images, made before the pair files grew; one of all images."""
    root, out = make_root(tmp_path / "root"), tmp_path / "out"
    full = (root / "train_pairs.txt").read_text()
    (root / "train_pairs.txt").write_text((root / "test_pairs.txt").read_text())
    assert prepare(root, out) == 0
    assert contents(out / "32-24")[b"length"] == b"00006"
    (root / "train_pairs.txt").write_text(full)
    assert prepare(root, tmp_path / "whole") == 0
    return root, out, contents(tmp_path / "whole" / "32-24")


def test_images_of_grown_pair_files_are_added(grown):
    root, out, whole = grown
    reader, key = ImageStore(out, (32, 24)), "img/WOMEN/Dresses/id_00000000/01_1_front.png"
    image = reader.read(key)
    assert prepare(root, out) == 0
    assert reader.read(key) == image  # A run that is under way goes on with what it opened.
    del reader
    assert contents(out / "32-24") == whole
    assert sorted(path.name for path in out.iterdir()) == [".32-24.lock", "32-24"]


def test_data_base_stays_in_use_until_what_is_added_is_complete(grown):
    root, out, whole = grown
    image = root / "img/WOMEN/Dresses/id_00000005/01_4_front.jpg"
    photo = image.read_bytes()
    image.write_bytes(b"")
    assert prepare(root, out) == 1
    assert contents(out / "32-24")[b"length"] == b"00006"
    image.write_bytes(photo)
    assert prepare(root, out) == 0
    assert contents(out / "32-24") == whole


def test_data_base_that_is_added_to_is_replaced_in_one_step(grown, monkeypatch):
    root, out, whole = grown

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("data.store_writer.shutil.rmtree", die)  # Whatever is removed, nothing is lost by then.
        with pytest.raises(SystemExit, match="130"):
            prepare(root, out)
    assert contents(out / "32-24") == whole
    assert prepare(root, out) == 0
    assert sorted(path.name for path in out.iterdir()) == [".32-24.lock", "32-24"]


def test_two_runs_do_not_write_at_once(root, tmp_path, capfd):
    with StoreWriter(tmp_path, (32, 24), 1):
        child = multiprocessing.get_context("fork").Process(target=prepare, args=(root, tmp_path))
        child.start()
        child.join()
    assert child.exitcode == 2
    assert f"{tmp_path}: expected no other run" in capfd.readouterr().err


def children(pid):
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


@pytest.fixture
def written(monkeypatch):
    """How often a store was written to, in this process or one forked from it."""
    count, write = multiprocessing.RawValue("i", 0), StoreWriter.write

    def counted(self, images):
        write(self, images)
        count.value += 1

    monkeypatch.setattr(StoreWriter, "write", counted)
    return count


def run_and_kill(root, out, written, times, seconds):
    """Start a run in a process of its own and kill -9 it `seconds` after it has written `times`; its exit code."""
    written.value = 0
    run = multiprocessing.get_context("fork").Process(target=prepare, args=(root, out))
    run.start()
    while run.is_alive() and written.value < times:
        time.sleep(0.001)
    run.join(seconds)
    workers = children(run.pid)
    if run.is_alive():
        run.kill()
    run.join()
    end = time.monotonic() + 30
    while any(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() for pid in workers):
        assert time.monotonic() < end, "workers outlive their parent"
        time.sleep(0.005)
    return run.exitcode


def test_killed_runs_are_resumed_and_never_look_complete(make_root, tmp_path, monkeypatch, written):
    root = make_root(tmp_path / "root", [f"img/A/id_1/{n}_1_x.jpg" for n in range(120)], size=(160, 120))
    monkeypatch.setattr(prepare_data, "CHUNK", 4)
    assert prepare(root, tmp_path / "unbroken") == 0
    expected = contents(tmp_path / "unbroken" / "32-24")
    moments = random.Random(0)
    codes, found = [], [0]
    for times in (0, 1, 5, 8):
        codes.append(run_and_kill(root, tmp_path / "out", written, times, moments.uniform(0, 0.02)))
        if codes[-1] == -signal.SIGKILL:
            final, partial = tmp_path / "out" / "32-24", tmp_path / "out" / "32-24.partial"
            assert not final.exists() or contents(final) == expected
            found.append(len(contents(partial)) if (partial / "data.mdb").exists() else found[-1])
    assert -signal.SIGKILL in codes
    assert found == sorted(found)
    assert found[-1] > 0
    assert prepare(root, tmp_path / "out") == 0
    assert contents(tmp_path / "out" / "32-24") == expected


@pytest.mark.parametrize("leftover", [None, b"", b"cut off"])
def test_run_that_ended_before_its_first_image_is_no_obstacle(root, tmp_path, lmdb_folder, leftover):
    partial = tmp_path / "32-24.partial"
    partial.mkdir()
    (partial / "data.copy").write_bytes(b"half a copy")
    if leftover is not None:
        (partial / "data.mdb").write_bytes(leftover)
    assert prepare(root, tmp_path) == 0
    assert contents(tmp_path / "32-24") == contents(lmdb_folder / "32-24")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".32-24.lock", "32-24", "data.mdb"]


def test_second_run_converts_only_what_is_missing(root, tmp_path, lmdb_folder, monkeypatch):
    stored = contents(lmdb_folder / "32-24")
    done = [(key.decode(), value) for key, value in stored.items() if key != b"length"][:15]
    with StoreWriter(tmp_path, (32, 24), 24) as writer:
        writer.write(done)
    written, write = [], StoreWriter.write
    monkeypatch.setattr(StoreWriter, "write", lambda self, images: write(self, images) or written.extend(images))
    assert prepare(root, tmp_path) == 0
    assert len(written) == 9
    assert contents(tmp_path / "32-24") == stored


def test_full_disk_is_told_in_one_sentence_and_the_run_resumed(root, tmp_path, lmdb_folder):
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, 80_000));"
        "from data import prepare_data; prepare_data.CHUNK = 4;"
        "sys.exit(prepare_data.main(sys.argv[1:]))"
    )
    flags = [f"--root={root}", f"--out={tmp_path}/out", "--size=32x24", "--workers=1"]
    full = subprocess.run([sys.executable, "-c", script, *flags], cwd=REPOSITORY, capture_output=True, text=True)
    assert full.returncode == 2
    assert full.stderr.strip().splitlines()[-1].startswith(f"error: {tmp_path}/out: could not be written (")
    assert "Traceback" not in full.stderr
    assert not (tmp_path / "out" / "32-24").exists()
    assert 0 < len(contents(tmp_path / "out" / "32-24.partial")) < 24
    assert prepare(root, tmp_path / "out") == 0
    assert contents(tmp_path / "out" / "32-24") == contents(lmdb_folder / "32-24")
