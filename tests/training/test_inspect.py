import json
import os
import shutil

import pytest

from models.run_folder import step_folder
from tests.warm import run
from training.inspect import describe_run
from training.trainer import Trainer


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def finished(experiment, trained, tmp_path):
    """The folder of a run that is done, of which each test has a copy."""
    experiment.training.max_skipped, experiment.training.picture_every = 3, 1000
    if not list(trained.iterdir()):
        Trainer(experiment).run()
        shutil.copytree(tmp_path / "run", trained, dirs_exist_ok=True)
    return shutil.copytree(trained, tmp_path / "run", dirs_exist_ok=True)


def test_a_run_that_is_done_is_described(finished):
    done = run("-m", "training.inspect", finished)
    lines = done.stdout.splitlines()
    assert lines[0] == f"{finished}: step 6 of 6 (100%), done"
    assert any(line.split()[0] == "gradient_norm" for line in lines)
    assert [line.split()[0] for line in lines if line.endswith("MiB, whole")] == ["step_00000004", "step_00000006"]
    assert any("steps 0 to 6" in line for line in lines)
    assert "  events: none" in lines


def test_damage_events_and_what_is_to_go_are_told(finished):
    (step_folder(finished, 6) / "state.json").write_text("{}")
    with open(finished / "metrics.jsonl", "a") as file:
        for step in (1, 2):
            file.write(json.dumps({"step": step, "time": 0, "event": "skipped", "text": f"left out {step}"}) + "\n")
    config = finished / "config.yaml"
    config.write_text(config.read_text().replace("steps: 6", "steps: 60"))
    text = "\n".join(describe_run(finished))
    assert "step 6 of 60 (10%)" in text
    assert "to go: about" in text
    assert "step_00000006  18 MiB, state.json is damaged" in text
    assert "events: 2 skipped" in text
    assert "step 2: left out 2" in text


@pytest.mark.parametrize(
    ("pid", "host", "state"),
    [
        (None, None, "running"),
        (2**22 + 1, None, "ended without a word, as a killed process does"),
        (1, "elsewhere", "running on elsewhere, or ended there without a word"),
    ],
)
def test_a_run_without_an_end_is_running_or_was_killed(finished, pid, host, state):
    record = json.loads((finished / "run.json").read_text())
    record["sessions"][-1] |= {"pid": pid or os.getpid(), "outcome": None} | ({"host": host} if host else {})
    (finished / "run.json").write_text(json.dumps(record))
    assert next(describe_run(finished)).endswith(f", {state}")


def test_each_session_has_a_record(experiment, finished):
    experiment.training.steps = 8
    Trainer(experiment).run()
    first, second = json.loads((finished / "run.json").read_text())["sessions"]
    assert (first["first_step"], first["last_step"], first["outcome"]) == (0, 6, "done")
    assert (second["first_step"], second["last_step"], second["outcome"]) == (6, 8, "done")
    assert second["versions"].keys() >= {"python", "torch", "accelerate"}
    assert second["batch"] == "4 images per step = 2 directions x 2 pairs x 1 pass x 1 process"
