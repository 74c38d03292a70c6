import pytest

from config.schema import TrainingConfig
from training.learning_rate import describe_rate, learning_rate


def test_the_learning_rate_rises_from_four_percent_stays_and_falls_where_asked():
    settings = TrainingConfig(steps=1000, learning_rate=2.0, warmup_steps=100)
    assert [learning_rate(step, settings) for step in (0, 50, 100, 999)] == pytest.approx([0.08, 1.04, 2, 2])
    settings.warmup_steps = 0
    assert [learning_rate(step, settings) for step in (0, 1, 999)] == [2, 2, 2]
    settings.decay_steps = 200
    assert [learning_rate(step, settings) for step in (100, 800, 900, 999)] == pytest.approx([2, 2, 1, 0.01])


def test_the_rate_is_told_as_it_comes_about():
    settings = TrainingConfig(steps=1000, learning_rate=2.0, warmup_steps=100)
    assert describe_rate(settings).startswith("learning rate 2, up from 4% of it over 100 steps; the same")
    settings.decay_steps = 200
    assert ", down to 0 over the last 200 of 1,000; the same" in describe_rate(settings)
    settings.steps = 20
    assert "; in so short a run never above 0.16;" in describe_rate(settings)  # 2 * 0.0784, of step 4.
