import random
import time

from models.run_folder import checkpoint_steps
from tests.faults.runs import Run, assert_equal, finish, first_steps, last_step


def test_a_run_killed_at_random_moments_equals_an_unbroken_one(variant, unbroken, figure, pytestconfig):
    rounds = pytestconfig.getoption("--kills")
    settings = {"steps": 3 * rounds + 6, "workers": 1}
    config = variant("killed", **settings)
    folder, lost, killed, saved = config.training.output, [], 0, 0
    for _ in range(rounds):
        run = Run(config)
        run.wait_for_step(last_step(folder) + random.randint(0, 4))
        time.sleep(random.uniform(0, 0.15))
        killed += run.kill()
        saved = max(checkpoint_steps(folder), default=0)
        lost.append(last_step(folder) - saved)
    finish(config)
    assert first_steps(folder)[-1] == saved
    assert killed >= rounds / 2
    assert max(lost) <= 2 * config.training.checkpoint_every  # The newest may have been on its way to the disk.
    assert_equal(folder, unbroken(**settings))
    figure(
        f"killed with -9 at random moments: {killed} of {rounds} rounds hit it alive, {sum(lost)} steps lost, at most "
        f"{max(lost)} at a time (a checkpoint every {config.training.checkpoint_every}), sessions began at "
        f"{first_steps(folder)}; weights, moments and average equal bit for bit"
    )
