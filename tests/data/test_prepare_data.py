import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image

from config.schema import DataConfig
from data import prepare_data
from data.dataset import PairDataset
from data.images import read_rgb, squeeze
from data.pairs import lmdb_key
from data.store import ImageStore
from tests.data.pictures import equal
from tests.data.prepared import contents, prepare

REPOSITORY = Path(__file__).resolve().parents[2]
COMPLETE = "is complete"


def last_line(text):
    return text.strip().splitlines()[-1]


def test_every_image_of_both_pair_files_is_stored_as_before(make_root, tmp_path):
    root = make_root(tmp_path / "root", [f"img/A/id_1/{n}_1_x.jpg" for n in range(5)])
    (root / "train_pairs.txt").write_text("img/A/id_1/0_1_x.jpg,img/A/id_1/1_1_x.jpg\n")
    (root / "test_pairs.txt").write_text("img/A/id_1/2_1_x.jpg,img/A/id_1/1_1_x.jpg,img/A/id_1/3_1_x.jpg\n")
    assert prepare(root, tmp_path / "out") == 0
    stored = contents(tmp_path / "out" / "32-24")
    assert stored.pop(b"length") == b"00004"
    assert sorted(stored) == [b"img/A/id_1/%d_1_x.png" % n for n in range(4)]
    assert all(value.startswith(b"\x89PNG") for value in stored.values())
    expected = squeeze(Image.open(root / "img/A/id_1/3_1_x.jpg"), (32, 24))
    assert equal(ImageStore(tmp_path / "out", (32, 24)).read("img/A/id_1/3_1_x.png"), expected)
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == [".32-24.lock", "32-24", "data.mdb"]


def test_script_runs_on_real_photos_from_any_folder(shared, tmp_path):
    command = [sys.executable, REPOSITORY / "data" / "prepare_data.py", f"--root={shared / 'real'}", "--out=out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert COMPLETE in done.stdout
    image = "img/MEN/Tees_Tanks/id_00004047/01_3_back.jpg"
    expected = squeeze(read_rgb(shared / "real" / image), (256, 256))
    assert equal(ImageStore(tmp_path / "out", (256, 256)).read(lmdb_key(image)), expected)


def test_second_run_finishes_at_once(root, lmdb_folder, capsys, monkeypatch):
    monkeypatch.setattr(prepare_data, "_convert_all", None)
    before = (lmdb_folder / "32-24" / "data.mdb").stat().st_mtime_ns
    assert prepare(root, lmdb_folder) == 0
    assert COMPLETE in capsys.readouterr().out
    assert (lmdb_folder / "32-24" / "data.mdb").stat().st_mtime_ns == before


def break_two(root):
    images = sorted((root / "img").rglob("*.jpg"))
    images[3].write_bytes(images[3].read_bytes()[:600])
    images[7].unlink()
    return images[3], images[7]


def test_bad_images_are_named_and_nothing_is_finished(make_root, tmp_path, capsys):
    root = make_root(tmp_path / "root")
    whole = {path: path.read_bytes() for path in (root / "img").rglob("*.jpg")}
    broken = break_two(root)
    assert prepare(root, tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert all(f"{path}: expected" in error for path in broken)
    assert "train_pairs.txt:" in error
    assert "these 2 images" in last_line(error)
    assert not (tmp_path / "out" / "32-24").exists()
    for path in broken:
        path.write_bytes(whole[path])
    assert prepare(root, tmp_path / "out") == 0
    assert contents(tmp_path / "out" / "32-24")[b"length"] == b"00024"


def test_skip_bad_leaves_bad_images_out(make_root, tmp_path, capsys):
    root = make_root(tmp_path / "root")
    broken = break_two(root)
    for _ in range(2):
        assert prepare(root, tmp_path / "out", "--skip-bad") == 0
        captured = capsys.readouterr()
        assert all(f"{path}: expected" in captured.err for path in broken)
        assert "22 images, 2 left out" in captured.out
        stored = contents(tmp_path / "out" / "32-24")
        assert stored.pop(b"length") == b"00022"
        assert len(stored) == 22
        left_out = {str(path.relative_to(root).with_suffix(".png")) for path in broken}
        assert ImageStore(tmp_path / "out", (32, 24)).left_out() == left_out


def test_training_goes_on_without_the_images_that_were_left_out(make_root, tmp_path):
    root = make_root(tmp_path / "root")
    settings = DataConfig(root=str(root), lmdb=str(tmp_path / "out"))
    assert prepare(root, tmp_path / "out") == 0
    everything = len(PairDataset(settings, (32, 24), seed=0))
    shutil.rmtree(tmp_path / "out")

    broken = {str(path.relative_to(root)) for path in break_two(root)}
    assert prepare(root, tmp_path / "out", "--skip-bad") == 0
    pairs = PairDataset(settings, (32, 24), seed=0).pairs
    assert 0 < len(pairs) < everything
    assert not any(broken & {pair.target, *pair.sources} for pair in pairs)
