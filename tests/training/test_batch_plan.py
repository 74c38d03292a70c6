import pytest

from config.schema import TrainingConfig
from system.errors import InputError
from training.batch_plan import BatchPlan, plan_batches
from training.checkpoints import Progress


def plan(batch_size, accumulation, processes, progress, before=None):
    """Of a run whose settings were `before` (batch_size, accumulation) when it was saved; None: the same."""
    settings = TrainingConfig(output="RUN", batch_size=batch_size, accumulation=accumulation)
    saved = TrainingConfig(batch_size=before[0], accumulation=before[1]) if before else settings
    return plan_batches(settings, processes, progress, saved if progress.step else None)


def after(pairs, processes):
    return Progress(step=5, position=5 * pairs, pairs_per_step=pairs, processes=processes)


def test_a_new_run_does_as_its_settings_say():
    assert plan(4, 3, 2, Progress()) == (BatchPlan(4, 3, 2), [])


def test_the_same_number_of_processes_may_change_its_settings():
    assert plan(8, 1, 2, after(4, 2), before=(2, 1)) == (BatchPlan(8, 1, 2), [])


@pytest.mark.parametrize(
    ("batch_size", "processes", "before", "expected"),
    [
        (4, 1, after(8, 2), BatchPlan(4, 2, 1)),  # Fewer: more passes.
        (4, 2, after(4, 1), BatchPlan(2, 1, 2)),  # More: smaller passes.
        (4, 8, after(64, 16), BatchPlan(4, 2, 8)),
        (4, 2, after(12, 1), BatchPlan(3, 2, 2)),  # The largest passes that fit.
        (5, 1, after(7, 7), BatchPlan(1, 7, 1)),
    ],
)
def test_another_number_of_processes_keeps_the_pairs_per_step(batch_size, processes, before, expected):
    found, notes = plan(batch_size, 1, processes, before)
    assert found == expected
    assert found.pairs == before.pairs_per_step
    assert f"to keep {before.pairs_per_step} pairs per step" in notes[0]
    assert ("batch statistics" in notes[-1]) == (expected.accumulation > 1)


def test_it_keeps_them_each_time_that_it_goes_on():
    first, _ = plan(2, 1, 1, after(4, 2))
    again, _ = plan(2, 1, 1, after(4, 1))
    assert first == again == BatchPlan(2, 2, 1)
    back, _ = plan(2, 1, 2, after(4, 1))
    assert back == BatchPlan(2, 1, 2)


def test_settings_that_keep_the_pairs_per_step_are_taken_as_they_are():
    assert plan(8, 1, 1, after(8, 2)) == (BatchPlan(8, 1, 1), [])


def test_pairs_that_cannot_be_shared_equally_are_refused_with_the_numbers_that_can():
    with pytest.raises(InputError, match=r"^RUN: has 8 pairs per step, which 3 processes .* 1 or 2 or 4 or 8,"):
        plan(4, 1, 3, after(8, 2))


def test_a_plan_says_how_its_number_of_images_comes_about():
    assert str(BatchPlan(4, 1, 8)) == "64 images per step = 2 directions x 4 pairs x 1 pass x 8 processes"
