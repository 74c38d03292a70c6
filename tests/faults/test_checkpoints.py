import pytest

from models.run_folder import checkpoint_steps, newest_whole, step_folder
from tests.conftest import ROOT
from tests.disk import fill_up
from tests.faults.runs import LONG, Run, assert_equal, events, finish, first_steps
from tests.warm import torchrun


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("model.safetensors", "a flipped bit"),
        pytest.param("training/training.safetensors", "cut short", marks=pytest.mark.long),
        pytest.param("state.json", "a flipped bit", marks=pytest.mark.long),
    ],
)
def test_a_damaged_newest_checkpoint_is_passed_over_aloud(name, fault, variant, unbroken, figure):
    config = variant("damaged", steps=4)
    finish(config)
    folder = config.training.output
    path = step_folder(folder, 4) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 16
    path.write_bytes(content if fault == "a flipped bit" else content[: len(content) // 3])
    config.training.steps = 8
    output = finish(config)
    (told,) = events(folder, "damaged-checkpoint")
    assert told.startswith(f"step_00000004: {name} is damaged; set aside as damaged_step_00000004")
    assert told in output
    assert first_steps(folder) == [0, 2]
    assert_equal(folder, unbroken())
    figure(f"{name} of the newest checkpoint: {fault}; the run went on from the one before, to the same end")


def test_a_full_disk_keeps_the_checkpoint_before_and_the_run_goes_on(variant, unbroken, small_disk, figure):
    config = variant("full", keep_last=1, steps=LONG)
    folder = small_disk("size=100m")
    config.training.output = str(folder / "run")
    run = Run(config, log=folder.with_suffix(".log"))
    run.wait_until(lambda: newest_whole(config.training.output) is not None)
    filler = fill_up(folder)
    run.wait_until(lambda: run.output().count("not saved: ") == 2)
    whole = newest_whole(config.training.output)
    filler.unlink()
    saved = checkpoint_steps(config.training.output)
    run.wait_until(lambda: checkpoint_steps(config.training.output) > saved)
    stopped_at = run.stop()
    assert_equal(config.training.output, unbroken(steps=stopped_at))
    figure(f"a full disk: the run went on from {whole.name} to step {stopped_at}, saved again, and lost no step")


def test_a_disk_that_fills_up_while_saving_leaves_nothing_half_written(variant, small_disk):
    config = variant("full", steps=4)
    folder = small_disk("size=1g,nr_inodes=22")  # Room there is, but none for as many files.
    config.training.output = str(folder / "run")
    run = Run(config)
    assert run.wait() == 2
    assert "No space left on device" in run.output()
    assert newest_whole(config.training.output) == step_folder(config.training.output, 2)
    assert sorted(path.name for path in (folder / "run" / "checkpoints").iterdir()) == ["step_00000002"]


def test_a_part_that_cannot_be_written_fails_the_save_on_all_processes_aloud(variant, write_experiment):
    config = variant("starved", steps=2, checkpoint_every=1, parallel="fsdp")
    done = torchrun(2, ROOT / "tests" / "faults" / "starved.py", write_experiment(config), check=False)
    assert done.returncode != 0
    assert "step 2/2: " in done.stdout
    assert done.stdout.count("not saved: ") == 2
    assert "File too large" in done.stdout
    assert "error: " in done.stderr
    assert newest_whole(config.training.output) is None
