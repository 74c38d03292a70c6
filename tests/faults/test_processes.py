import json
import shutil
from pathlib import Path

import pytest
import torch

from data.dataset import TestPairs
from data.levels import to_device
from models.pose_transfer import PoseTransferModel
from models.run_folder import newest_whole
from tests.faults.runs import losses
from tests.warm import run, torchrun


@pytest.mark.long
def test_two_processes_then_one_then_two_see_what_two_see(variant, write_experiment, figure):
    settings = {"steps": 9, "batch_size": 2, "learning_rate": 1e-4, "checkpoint_every": 3, "keep_last": 3}
    whole, exact, passes = (variant(name, **settings) for name in ("whole", "exact", "passes"))
    torchrun(2, "train.py", write_experiment(whole))
    expected = {step: loss for step, loss in losses(whole.training.output).items() if step > 3}
    for config, on_one in ((exact, ["training.batch_size=4"]), (passes, [])):
        path = write_experiment(config)
        first = Path("checkpoints", "step_00000003")  # By two processes.
        shutil.copytree(Path(whole.training.output, first), Path(config.training.output, first))
        run("train.py", path, "training.steps=6", *on_one)
        torchrun(2, "train.py", path)
        state = json.loads((newest_whole(config.training.output) / "state.json").read_text())
        assert state["progress"]["position"] == 9 * 4
    apart = {config.training.output: distance(losses(config.training.output), expected) for config in (exact, passes)}
    assert apart[exact.training.output] <= 1e-5
    assert apart[passes.training.output] <= 2e-3  # Its batch statistics are those of smaller batches.
    figure(f"processes 2 -> 1 -> 2: losses within {apart[exact.training.output]:.1e} of those of an unbroken run")


@torch.no_grad()
def prediction(config):
    """Of the average in a run's newest checkpoint, which is a folder for inference."""
    model = PoseTransferModel.from_pretrained(newest_whole(config.training.output))
    items = [TestPairs(config.data.root, model.config.image_size, targets=True)[0]]
    batch = to_device(torch.utils.data.default_collate(items), "cpu")
    condition = model.encode(batch["source_image"], batch["source_pose"], batch["target_pose"])
    return model.denoise(batch["target_image"], torch.tensor([500]), batch["target_pose"], condition)


def distance(ones, others):
    assert ones.keys() == others.keys()
    return max(abs(ones[step] - others[step]) for step in ones)


@pytest.mark.long
def test_a_sharded_model_learns_as_a_whole_one(variant, write_experiment, figure):
    settings = {"steps": 6, "learning_rate": 1e-4, "checkpoint_every": 3, "accumulation": 2}
    sharded = {"parallel": "fsdp", "gradient_checkpointing": "levels", "picture_every": 3}
    ddp, fsdp = variant("ddp", **settings), variant("fsdp", **sharded, **settings)
    torchrun(2, "train.py", write_experiment(ddp))
    torchrun(2, "train.py", write_experiment(fsdp), "training.steps=3")
    torchrun(2, "train.py", write_experiment(fsdp))
    apart = distance(losses(fsdp.training.output), losses(ddp.training.output))
    assert apart <= 1e-4
    folder = newest_whole(fsdp.training.output)
    assert len(list((folder / "training").iterdir())) == 2
    torch.testing.assert_close(prediction(fsdp), prediction(ddp), rtol=1e-3, atol=1e-3)
    figure(f"FSDP2 on two processes: losses within {apart:.1e} of DDP's over 6 steps, with a restart in between")


@pytest.mark.long
def test_shards_and_whole_states_go_on_from_each_other(variant, write_experiment):
    settings = {"steps": 4, "learning_rate": 1e-4, "checkpoint_every": 2, "accumulation": 2}
    ddp, fsdp = variant("ddp", **settings), variant("fsdp", parallel="fsdp", **settings)
    torchrun(2, "train.py", write_experiment(ddp))
    torchrun(2, "train.py", write_experiment(fsdp))
    run("train.py", write_experiment(fsdp), "training.steps=6", "training.parallel=ddp")
    torchrun(2, "train.py", write_experiment(ddp), "training.steps=6", "training.parallel=fsdp")
    apart = distance(losses(fsdp.training.output), losses(ddp.training.output))
    assert apart <= 2e-3
