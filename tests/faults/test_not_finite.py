import torch
from safetensors.torch import load_file

from data.dataset import PairDataset
from models.run_folder import newest_whole, step_folder
from tests.conftest import ROOT
from tests.faults.runs import Run, events, losses, tensors
from tests.warm import run, torchrun

POISONED = ROOT / "tests" / "faults" / "poisoned.py"


def test_a_step_without_a_finite_loss_is_left_out_on_all_processes(variant, write_experiment, figure):
    config = variant("poisoned", steps=6, batch_size=2, checkpoint_every=1, keep_last=6)
    torchrun(2, POISONED, write_experiment(config), "9")  # One of the four of step 3.
    folder = config.training.output
    (told,) = events(folder, "skipped")
    dataset = PairDataset(config.data, config.model.image_size, config.training.seed)
    pairs = "; ".join(" -> ".join(dataset.names(position)) for position in range(8, 12))
    assert told == f"left out, its loss is not finite; pairs: {pairs}"
    assert sorted(losses(folder)) == [1, 2, 4, 5, 6]
    before, after = (load(folder, step) for step in (2, 3))
    assert [name for name in before if not torch.equal(before[name], after[name])] == []
    assert all(tensor.isfinite().all() for tensor in tensors(folder).values())
    figure("a NaN on one of two processes: its step was left out on both, weights and batch statistics untouched")


def load(folder, step):
    return load_file(step_folder(folder, step) / "training" / "training.safetensors")


def test_a_run_goes_on_as_if_the_step_had_not_been(variant, write_experiment):
    config = variant("poisoned", steps=3)
    run(POISONED, write_experiment(config), "1")
    assert len(losses(config.training.output)) == 2
    assert newest_whole(config.training.output) == step_folder(config.training.output, 3)


def test_too_many_steps_in_a_row_end_the_run_with_a_sentence(variant, write_experiment):
    config = variant("hopeless", batch_size=2, max_skipped=2)
    done = run(POISONED, write_experiment(config), "7,9", check=False)
    assert done.returncode == 2
    error = done.stderr.splitlines()[-1]
    assert error.startswith(f"error: {config.training.output}: stopped at step 5, the last of 2 in a row")
    assert newest_whole(config.training.output) == step_folder(config.training.output, 4)


def test_weights_that_grew_without_bound_end_the_run_with_a_sentence(variant):
    config = variant("wild", learning_rate=1e30, warmup_steps=0, max_skipped=3, steps=50)
    started = Run(config)
    assert started.wait() == 2
    assert "3 in a row" in started.output()
    assert "training.learning_rate" in started.output()
