import os
import shutil
import signal

import pytest

from data.pairs import lmdb_key, read_pairs
from tests.data.prepared import rewrite, with_bit_flipped
from tests.faults.runs import LONG, Run, assert_equal, events, finish


@pytest.fixture
def damaged(variant, people, tmp_path):
    """damaged(name, count, ..) -> the experiment, over a data base in which as many images have a flipped bit."""

    def make(name, count=1, **changes):
        config = variant(name, **changes)
        config.data.lmdb = str(tmp_path / "lmdb")
        if not (tmp_path / "lmdb").exists():
            shutil.copytree(people / "lmdb", tmp_path / "lmdb")
            images = sorted({line.target for line in read_pairs(people / "root", "train")})[:count]
            for image in images:
                rewrite(tmp_path / "lmdb" / "32-32", lmdb_key(image), lambda value: with_bit_flipped(value, 700))
        return config

    return make


def test_a_damaged_image_is_replaced_alike_each_time_counted_and_named(damaged, figure):
    settings = {"max_damaged": 1.0, "steps": 24}
    one, other = damaged("one", workers=1, **settings), damaged("other", workers=0, **settings)
    output = finish(one)
    finish(other)
    told = events(one.training.output, "damaged")
    assert told
    assert told == events(other.training.output, "damaged")
    assert all(str(one.data.lmdb) in text and ".png" in text for text in told)
    assert told[0] in output
    assert_equal(one.training.output, other.training.output)
    figure(f"a damaged image: {len(told)} pairs of 24 replaced, alike with and without workers; each was named")


def test_too_many_damaged_images_end_the_run_with_a_sentence(damaged):
    run = Run(damaged("many", count=4, max_damaged=0.01))
    assert run.wait() == 2
    error = run.output().splitlines()[-1]
    assert error.startswith("error: data.lmdb: ")
    assert "data.max_damaged=0.01" in error


def test_a_killed_loader_worker_is_replaced_and_no_batch_is_lost(variant, unbroken, figure):
    config = variant("killed", workers=2, steps=LONG)
    folder = config.training.output
    run = Run(config)
    for deaths in (1, 2):
        run.wait_for_step(2 * deaths)
        os.kill(run.children()[-1], signal.SIGKILL)
        run.wait_until(lambda deaths=deaths: len(events(folder, "loader")) >= deaths)
    stopped_at = run.stop()
    told = events(folder, "loader")
    assert all("SIGKILL" in text for text in told)
    assert_equal(folder, unbroken(steps=stopped_at))
    figure(f"loader workers killed with -9: {len(told)} replaced, no batch lost")


@pytest.mark.long
def test_a_stalled_step_is_told_with_the_stack_and_may_still_end(variant, unbroken):
    config = variant("stalled", workers=1, stall_seconds=1, steps=LONG)
    run = Run(config)
    run.wait_for_step(2)
    worker = run.children()[-1]
    os.kill(worker, signal.SIGSTOP)
    run.wait_until(lambda: "has been running for 2 s" in run.output())
    os.kill(worker, signal.SIGCONT)
    stopped_at = run.stop()
    assert "(training.stall_seconds)" in run.output()
    assert "in train_step" in run.output()
    assert_equal(config.training.output, unbroken(steps=stopped_at))
