"""test.py and scripts/grid.py, as they are called."""

import shutil

import numpy as np
import pytest
from PIL import Image

from data import prepare_data
from data.dataset import TestPairs
from data.pairs import result_name
from tests import processes
from tests.processes import run_with_kills
from tests.warm import run, torchrun
from training.trainer import Trainer


@pytest.fixture
def checkpoint(experiment, trained, tmp_path):
    """A run of two steps, of which each test has a copy."""
    if not list(trained.iterdir()):
        experiment.training.steps, experiment.training.picture_every = 2, 1000
        Trainer(experiment).run()
        shutil.copytree(experiment.training.output, trained, dirs_exist_ok=True)
    return shutil.copytree(trained, tmp_path / "run", dirs_exist_ok=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def names(people):
    return [result_name(*pair) for pair in TestPairs(people / "root", (32, 32), targets=False).pairs]


def words(checkpoint, people, out, *flags):
    return ["test.py", "--checkpoint", checkpoint, "--data", people / "root", "--out", out, "--batch-size", 4, *flags]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_every_test_pair_is_drawn_under_its_name_whatever_the_ranks_and_kills(checkpoint, people, names, tmp_path):
    processes.run(*words(checkpoint, people, tmp_path / "one"))
    one = contents(tmp_path / "one")
    assert sorted(one) == sorted(names)
    assert Image.open(tmp_path / "one" / names[0]).size == (32, 32)
    assert len(set(one.values())) == len(names)

    torchrun(2, *words(checkpoint, people, tmp_path / "two"))
    assert contents(tmp_path / "two") == one

    # One picture is missing: only it is drawn again, and comes out the same.
    (tmp_path / "two" / names[1]).unlink()
    kept = (tmp_path / "two" / names[2]).stat().st_mtime_ns
    run(*words(checkpoint, people, tmp_path / "two"))
    assert contents(tmp_path / "two") == one
    assert (tmp_path / "two" / names[2]).stat().st_mtime_ns == kept


@pytest.mark.long
def test_drawing_that_is_killed_at_random_moments_ends_with_the_same_pictures(
    checkpoint, people, tmp_path, pytestconfig
):
    flags = ("--steps", 100, "--batch-size", 1)
    run(*words(checkpoint, people, tmp_path / "whole", *flags))
    killed, drawn = words(checkpoint, people, tmp_path / "killed", *flags), lambda: len(contents(tmp_path / "killed"))
    assert run_with_kills(pytestconfig.getoption("--kills"), drawn, *killed) > 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert not list((tmp_path / "killed").glob(".*"))


def test_seed_limit_sampler_and_guidance_are_obeyed(checkpoint, people, names, tmp_path):
    run(*words(checkpoint, people, tmp_path / "a", "--limit", 2))
    assert sorted(contents(tmp_path / "a")) == sorted(names[:2])
    others = (["--seed", 1], ["--sampler", "ddpm", "--steps", 5], ["--guidance", 0, "--steps", 3], ["--start", 500])
    for n, flags in enumerate(others):
        run(*words(checkpoint, people, tmp_path / str(n), "--limit", 2, *flags))
        assert contents(tmp_path / str(n)) != contents(tmp_path / "a"), flags


@pytest.mark.long
def test_pictures_of_other_settings_are_removed_on_request(checkpoint, people, names, tmp_path):
    out, flags = tmp_path / "out", ("--limit", 1, "--steps", 3)
    run(*words(checkpoint, people, out, "--limit", 2, "--seed", 1, "--steps", 3))
    (out / "mine.png").touch()
    run(*words(checkpoint, people, out, "--replace", *flags))
    assert {path.name for path in out.glob("*.png")} == {names[0], "mine.png"}
    drawn = (out / names[0]).stat().st_mtime_ns
    run(*words(checkpoint, people, out, "--replace", *flags))
    assert (out / names[0]).stat().st_mtime_ns == drawn  # The same settings: it stays.


def test_the_grid_shows_each_chosen_pair_in_six_columns(checkpoint, people, tmp_path):
    run(*words(checkpoint, people, tmp_path / "out"))
    run("scripts/grid.py", "--checkpoint", checkpoint, "--data", people / "root", "--generated", tmp_path / "out",
        "--out", tmp_path / "grid.png", "--pairs", 3, "--height", 64)  # fmt: skip
    picture = np.asarray(Image.open(tmp_path / "grid.png"))
    assert picture.shape == (30 + 3 * 72 + 8, 6 * (44 + 8) + 8, 3)
    for row in range(3):
        for column in range(6):
            top, left = 38 + row * 72, 8 + column * 52
            assert picture[top : top + 64, left : left + 44].std() > 0, (row, column)


def test_padded_photos_come_out_in_their_own_shape(experiment, people, names, tmp_path):
    options = [f"--root={people / 'root'}", f"--out={tmp_path / 'lmdb'}", "--size=32x32", "--resize=pad"]
    assert prepare_data.main(options) == 0
    experiment.training.steps, experiment.data.lmdb, experiment.data.resize = 2, str(tmp_path / "lmdb"), "pad"
    Trainer(experiment).run()
    out = tmp_path / "drawn"
    run(*words(tmp_path / "run", people, out))
    assert {Image.open(out / name).size for name in names} == {(22, 32)}  # Photos are of 64 x 44.
    run("scripts/grid.py", "--checkpoint", tmp_path / "run", "--data", people / "root", "--generated", out,
        "--out", tmp_path / "grid.png", "--height", 64)  # fmt: skip
    assert Image.open(tmp_path / "grid.png").width == 6 * (64 + 8) + 8
