import numpy as np
import pytest
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from scripts import plot_run
from training.report import TENSORBOARD_FOLDER


@pytest.fixture
def run(tmp_path):
    with SummaryWriter(tmp_path / "run" / TENSORBOARD_FOLDER) as writer:
        for step in range(1, 101):
            writer.add_scalar("mse", 1 / step, step)
            writer.add_scalar("unknown", step, step)
    return tmp_path / "run"


def test_curves_are_those_of_the_run(run):
    curves = plot_run.scalars(run / TENSORBOARD_FOLDER)
    assert curves.keys() == {"mse"}
    np.testing.assert_array_equal(curves["mse"][0], np.arange(1, 101))
    np.testing.assert_allclose(curves["mse"][1], 1 / np.arange(1, 101), rtol=1e-6)
    (panel,) = (axis for axis in plot_run.draw(curves).axes if axis.get_visible())
    raw, smooth = (np.asarray(line.get_ydata()) for line in panel.lines)
    np.testing.assert_allclose(raw, curves["mse"][1])
    np.testing.assert_allclose(smooth[50], curves["mse"][1][48:53].mean())
    assert smooth[0] == pytest.approx(curves["mse"][1][:3].mean())


def test_a_picture_is_written(run, tmp_path):
    plot_run.main([f"--run={run}", f"--out={tmp_path / 'curve.png'}"])
    assert Image.open(tmp_path / "curve.png").size == (1100, 660)


def test_a_run_that_was_resumed_has_one_curve(run):
    with SummaryWriter(run / TENSORBOARD_FOLDER, purge_step=51, filename_suffix=".later") as writer:
        for step in range(51, 121):
            writer.add_scalar("mse", 7, step)
    steps, values = plot_run.scalars(run / TENSORBOARD_FOLDER)["mse"]
    np.testing.assert_array_equal(steps, np.arange(1, 121))
    np.testing.assert_allclose(values, [*(1 / np.arange(1, 51)), *[7] * 70], rtol=1e-6)
