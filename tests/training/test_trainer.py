import dataclasses

import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from diffusion.gaussian import STEPS
from models.pose_transfer import PoseTransferModel
from models.run_folder import checkpoint_steps, newest_whole
from tests import processes, warm
from tests.conftest import ROOT
from training.trainer import Trainer


def changed(config, output, **training):
    return dataclasses.replace(config, training=dataclasses.replace(config.training, output=str(output), **training))


def final_tensors(config):
    folder = newest_whole(config.training.output)
    tensors = load_file(folder / "training" / "training.safetensors")
    return tensors | {f"ema.{name}": tensor for name, tensor in load_file(folder / "model.safetensors").items()}


def assert_equal(ones, others):
    assert ones.keys() == others.keys()
    assert [name for name in ones if not torch.equal(ones[name], others[name])] == []


def test_a_run_leaves_checkpoints_scalars_and_pictures(experiment, tmp_path):
    Trainer(experiment).run()
    assert checkpoint_steps(tmp_path / "run") == [4, 6]
    PoseTransferModel.from_pretrained(newest_whole(tmp_path / "run"))
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("mse")] == [2, 4, 6]
    names = {"loss", "vb", "correctness", "affine", "gradient_norm", "learning_rate", "images_per_second", "memory_gib"}
    names |= {"mse_t000_249", "mse_t750_999", "ema_decay", "ema_distance", "skipped_steps", "damaged_pairs"}
    assert names <= set(events.Tags()["scalars"])
    assert all(0 < event.value < 1 for event in events.Scalars("loader_wait_share"))
    assert events.Scalars("ema_decay")[0].value == 0  # Still in the warm-up.
    assert events.Scalars("ema_decay")[-1].value == 0.5
    assert events.Scalars("ema_distance")[-1].value > 0
    assert [event.step for event in events.Images("test_pairs")] == [4, 6]


def test_a_run_in_two_parts_equals_an_unbroken_one_bit_for_bit(experiment, tmp_path):
    experiment.model.dropout = 0.1
    whole, parts = (changed(experiment, tmp_path / name, steps=4) for name in ("whole", "parts"))
    Trainer(whole).run()
    Trainer(changed(parts, tmp_path / "parts", steps=2)).run()
    resumed = Trainer(parts)
    assert resumed.progress.step == 2
    resumed.run()
    assert_equal(final_tensors(parts), final_tensors(whole))


def test_two_processes_have_the_gradient_of_one_on_the_joint_batch(experiment, write_experiment, tmp_path):
    path = write_experiment(experiment)
    gradient = ROOT / "tests" / "training" / "gradient.py"
    warm.torchrun(2, gradient, path, tmp_path / "two.safetensors", "training.batch_size=2")
    warm.run(gradient, path, tmp_path / "one.safetensors", "training.batch_size=4")
    one, two = load_file(tmp_path / "one.safetensors"), load_file(tmp_path / "two.safetensors")
    assert one.keys() == two.keys()
    largest = max(gradient.abs().max() for gradient in one.values())
    assert largest > 1e-3
    for name, expected in one.items():
        assert (two[name] - expected).abs().max() <= 1e-5 * largest, name


def test_two_processes_train_and_leave_one_checkpoint(experiment, write_experiment, tmp_path):
    processes.torchrun(2, "train.py", write_experiment(experiment), "training.steps=2")
    assert checkpoint_steps(tmp_path / "run") == [2]


def test_a_tiny_network_learns(experiment, tmp_path):
    trainer = Trainer(changed(experiment, tmp_path / "run", steps=30))
    batches, losses = iter(trainer.loader), []
    for _ in range(30):
        trainer.train_step(batches)
        losses.append(trainer.averages.take(trainer.processes)["mse"])
    assert losses[0] == pytest.approx(1, abs=0.1)
    assert sum(losses[-10:]) / 10 < 0.7


def test_accumulated_batches_give_the_gradient_of_their_mean(experiment, tmp_path, monkeypatch):
    # Batch statistics are those of each pass; with running ones, passes can be compared.
    monkeypatch.setattr("models.layers.SyncedBatchNorm.forward", lambda self, x: self._running(x), raising=False)
    monkeypatch.setattr(
        "models.layers.SyncedBatchNorm._running",
        lambda self, x: torch.nn.functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias),
        raising=False,
    )

    def gradients(**training):
        trainer = Trainer(changed(experiment, tmp_path / "none", gradient_clip=1e9, **training))
        trainer.train_step(iter(trainer.loader))
        return {name: parameter.grad for name, parameter in trainer.model.named_parameters()}

    once, twice = gradients(batch_size=4), gradients(batch_size=2, accumulation=2)
    for name, expected in once.items():
        torch.testing.assert_close(twice[name], expected, rtol=1e-3, atol=1e-5, msg=name)


def test_noise_follows_from_the_seed_and_the_place_in_the_data_not_from_the_batch(experiment):
    trainer = Trainer(experiment)
    t, noise, _ = trainer.loss.draw_noise(torch.tensor([5, 9, 5, 9]), torch.tensor([0, 0, 1, 1]), (3, 8, 8))
    for i, positions in enumerate(([5, 5], [9, 9])):
        t_alone, noise_alone, _ = trainer.loss.draw_noise(torch.tensor(positions), torch.tensor([0, 1]), (3, 8, 8))
        assert torch.equal(t_alone, t[[i, i + 2]])
        assert torch.equal(noise_alone, noise[[i, i + 2]])
    assert not torch.equal(noise[0], noise[2])


def test_times_are_uniform_and_a_tenth_of_the_conditions_is_dropped(experiment):
    t, _, keep = Trainer(experiment).loss.draw_noise(torch.arange(8000) // 2, torch.arange(8000) % 2, (3, 1, 1))
    assert t.min() >= 0
    assert t.max() < STEPS
    assert t.float().mean().item() == pytest.approx(STEPS / 2, rel=0.03)
    assert keep.float().mean().item() == pytest.approx(0.9, abs=0.02)


def test_weights_stay_where_they_are_when_the_run_is_done(experiment, tmp_path):
    experiment.training.steps = 4
    Trainer(experiment).run()
    before = final_tensors(experiment)
    Trainer(experiment).run()
    assert_equal(final_tensors(experiment), before)
    assert checkpoint_steps(tmp_path / "run") == [2, 4]


def test_a_network_without_a_flow_trains_without_its_losses(experiment, tmp_path):
    experiment.model.flow = experiment.model.self_calibration = False
    experiment.loss.features = "vgg19"  # Whose weights nobody has to have then.
    Trainer(experiment).run()
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert not {"correctness", "affine"} & set(events.Tags()["scalars"])
    assert [event.step for event in events.Images("test_pairs")] == [4, 6]


def test_bfloat16_trains(experiment, write_experiment, tmp_path):
    done = warm.run("train.py", write_experiment(experiment), "training.precision=bf16", "training.steps=1",
               "training.batch_size=1")  # fmt: skip
    assert "step 1/1: loss 1." in done.stdout
    weights = load_file(newest_whole(tmp_path / "run") / "training" / "training.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_gradient_checkpointing_trains_to_the_same_weights(experiment, tmp_path):
    experiment.model.dropout = 0.1
    kept, again = changed(experiment, tmp_path / "kept"), changed(experiment, tmp_path / "again")
    again.training.gradient_checkpointing = "levels"
    for config in (kept, again):
        Trainer(changed(config, config.training.output, steps=2)).run()
    assert any(module.recompute for module in Trainer(again)._plain_model().modules() if hasattr(module, "recompute"))
    assert_equal(final_tensors(kept), final_tensors(again))


def test_a_folder_that_another_process_trains_in_is_refused(experiment, write_experiment):
    trainer = Trainer(experiment)
    done = warm.run("train.py", write_experiment(experiment), check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {trainer.run_folder}: another process trains there")
