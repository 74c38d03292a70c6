import os
import signal
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models.run_folder import checkpoint_steps
from system.errors import STOPPED
from tests.faults.runs import LONG, Launched, Run, assert_equal, finish, first_steps, last_step


@pytest.mark.parametrize("name", ["SIGTERM", pytest.param("SIGUSR1", marks=pytest.mark.long)])
def test_a_signal_lets_the_step_end_saves_and_leaves_with_75(name, variant, unbroken, figure):
    config = variant("stopped", workers=1, steps=LONG)
    run = Run(config)
    run.wait_for_step(3)
    asked = time.monotonic()
    os.killpg(run.pid, getattr(signal, name))  # As a terminal or a scheduler does it: workers get it, too.
    assert run.wait() == STOPPED
    seconds = time.monotonic() - asked
    stopped_at = checkpoint_steps(config.training.output)[-1]
    assert f"step {stopped_at}: stopped, as {name} asked" in run.output()
    assert "Traceback" not in run.output()
    config.training.steps = stopped_at + 2
    finish(config)
    assert first_steps(config.training.output) == [0, stopped_at]
    assert_equal(config.training.output, unbroken(steps=stopped_at + 2))
    figure(f"{name}: left with {STOPPED} after {seconds:.1f} s, at step {stopped_at}; the end equals an unbroken run's")


def test_a_signal_ends_the_drawing_of_pictures(variant):
    config = variant("drawing", picture_every=2, steps=LONG)
    config.sampling.sampler, config.sampling.steps = "ddim", 1000
    run = Run(config)
    run.wait_for_step(2)
    time.sleep(0.5)
    assert run.stop() == 3
    events = EventAccumulator(str(Path(config.training.output) / "tensorboard")).Reload()
    assert events.Tags()["images"] == []


def test_a_signal_before_the_first_step_stops_too(variant):
    config = variant("early", steps=LONG)
    run = Run(config)
    run.wait_until(lambda: Path(config.training.output, ".lock").exists())
    os.kill(run.pid, signal.SIGUSR1)
    assert run.wait() == STOPPED
    assert last_step(config.training.output) <= 1


@pytest.mark.long
def test_a_signal_to_the_launcher_stops_two_processes_and_the_same_command_goes_on(variant, write_experiment, figure):
    config = variant("both", steps=LONG)
    path, folder = write_experiment(config), config.training.output
    run = Launched(config, path)
    run.wait_for_step(4)
    stopped_at = run.stop()
    assert f"step {stopped_at}: stopped, as SIGTERM asked" in run.output()
    assert Launched(config, path, f"training.steps={stopped_at + 2}").wait() == 0
    assert first_steps(folder) == [0, stopped_at]
    figure(f"SIGTERM to the launcher of two processes: both left at step {stopped_at}, code {STOPPED}")


@pytest.mark.long
def test_a_process_killed_among_two_is_started_again_without_a_loss(variant, write_experiment, figure):
    config = variant("killed", steps=LONG)
    run = Launched(config, write_experiment(config))
    run.wait_for_step(4)
    os.kill(run.children()[-1], signal.SIGKILL)
    run.wait_until(lambda: len(first_steps(config.training.output)) == 2)
    began = first_steps(config.training.output)[1]
    run.wait_for_step(began + 2)
    stopped_at = run.stop()
    assert stopped_at > began >= 2
    whole = variant("whole", steps=stopped_at)
    assert Launched(whole, write_experiment(whole)).wait() == 0
    assert_equal(config.training.output, whole.training.output)
    figure(f"one of two processes killed with -9: started again from step {began}; the end equals an unbroken run's")
