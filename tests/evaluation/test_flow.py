import json
from pathlib import PurePosixPath

import numpy as np
import pytest
import torch

from config.schema import Config, SamplingConfig
from data.pairs import read_pairs
from data.synthetic import pair_flow
from evaluation.flow import FlowErrors, best_affine, flow_errors, main, measure, upsampled
from evaluation.statistics import estimates
from models.flow_attention import SelfCalibration
from models.flow_net import FlowNet
from models.pose_transfer import PoseTransferModel
from tests.tiny import tiny_model_config

SIZE = (32, 32)
SHIFT = 1.5  # Of the flow network's stand-in, in pixels of each grid, to the right.
SAMPLING = SamplingConfig("dpm++", steps=2)


@pytest.fixture
def shifting(monkeypatch):
    """A model whose flow network answers SHIFT everywhere, and whose self-calibration moves a flow down by 1."""

    def forward(*inputs):
        source_image = inputs[1]
        sides = {stride: 32 // stride for stride in (4, 8, 16)}
        grids = {stride: source_image.new_zeros(len(source_image), 2, side, side) for stride, side in sides.items()}
        for flow in grids.values():
            flow[:, 0] = SHIFT
        return grids, {stride: torch.ones_like(flow[:, :1]) for stride, flow in grids.items()}

    monkeypatch.setattr(FlowNet, "forward", forward)
    down = torch.tensor([0.0, 1.0])[:, None, None]
    monkeypatch.setattr(SelfCalibration, "forward", lambda *given: given[2].flow + down)
    return PoseTransferModel(tiny_model_config()).eval()


def all_truths(people):
    pairs = [(line.target, source) for line in read_pairs(people / "root", "test") for source in line.sources]
    return [pair_flow(people / "root", *pair, SIZE) for pair in pairs]


def truths(people):
    """Those of the pairs that show three pixels in common."""
    return [(truth, visible) for truth, visible in all_truths(people) if visible.sum() >= 3]


def constant(x, y):
    return np.broadcast_to(np.array([x, y])[:, None, None], (2, *SIZE))


def mean_errors(truths, flow_of):
    return FlowErrors(*np.mean([flow_errors(flow_of(*truth), *truth) for truth in truths], axis=0))


def test_each_row_is_the_mean_over_pairs_in_pixels_of_the_image(people, shifting):
    rows, pairs, left_out = measure(shifting, people / "root", SAMPLING, seed=0)
    rows = {name: (row.epe, row.under_1px, row.under_3px) for name, row in rows.items()}
    known = truths(people)
    assert (pairs, left_out) == (len(known), len(all_truths(people)) - len(known))
    strides = [f"stride {stride}{end}" for stride in (4, 8, 16) for end in ("", ", self-calibrated")]
    assert list(rows) == ["zero", "best affine", *strides]
    np.testing.assert_allclose(rows["zero"], mean_errors(known, lambda truth, _: 0 * truth), rtol=1e-6)
    np.testing.assert_allclose(rows["best affine"], mean_errors(known, best_affine), rtol=1e-6)
    for stride in (4, 8, 16):
        before, after = constant(SHIFT * stride, 0), constant(SHIFT * stride, stride)
        np.testing.assert_allclose(rows[f"stride {stride}"], mean_errors(known, lambda *_, f=before: f), rtol=1e-5)
        name = f"stride {stride}, self-calibrated"
        np.testing.assert_allclose(rows[name], mean_errors(known, lambda *_, f=after: f), rtol=1e-5)


def test_errors_are_lengths_over_the_visible_pixels():
    truth, visible = np.zeros((2, 1, 4)), np.array([[True, True, True, False]])
    flow = np.array([[[0.5, 0, 3.0, 90]], [[0, 2.0, 4.0, 90]]])
    assert flow_errors(flow, truth, visible) == pytest.approx((2.5, 1 / 3, 2 / 3))


def test_an_affine_flow_is_its_own_best_whatever_stands_where_nothing_is_visible():
    rows, columns = np.mgrid[:6, :9]
    truth = np.stack([0.2 * rows - columns + 3, 0.5 * columns - 1.0])
    visible = (rows + columns) % 3 > 0
    np.testing.assert_allclose(best_affine(np.where(visible, truth, 99), visible), truth, atol=1e-9)


def test_the_best_affine_flow_is_nearer_than_its_neighbours(people):
    truth, visible = truths(people)[0]
    best = best_affine(truth, visible)

    def square(flow):
        return np.square(flow - truth).sum(0)[visible].sum()

    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    for change in (rows, columns, np.ones(SIZE)):
        for step in (-0.01, 0.01):
            assert square(best + step * change) > square(best)


def test_a_flow_is_brought_to_the_image_with_its_displacement():
    flow = torch.zeros(1, 2, 4, 2)
    flow[:, 0], flow[:, 1] = 1.0, torch.arange(4)[:, None] / 4
    large = upsampled(flow, (16, 4))
    np.testing.assert_allclose(large[0, 0], 2.0)
    # The displacement down grows by one pixel of the image per four rows, between the centres of the coarse ones.
    np.testing.assert_allclose(large[0, 1, 2:14, 0], np.arange(12) / 4 + 0.125)


def test_the_model_is_left_as_it_was(people, shifting):
    measure(shifting, people / "root", SAMPLING, seed=0, limit=1)
    assert not any(module._forward_hooks for module in shifting.modules())


@pytest.mark.parametrize(("count", "left_out"), [(2, 1), (3, 0)])
def test_a_pair_of_fewer_than_three_pixels_is_left_out(people, shifting, monkeypatch, count, left_out):
    known = iter([True, False, *[True] * 9])

    def few(*names):
        truth, visible = pair_flow(*names)
        if not next(known):
            visible = visible & False
            visible[0, :count] = True
        return truth, visible

    monkeypatch.setattr("evaluation.flow.pair_flow", few)
    found = measure(shifting, people / "root", SAMPLING, seed=0)
    expected = len(truths(people)) - left_out
    assert (found.pairs, found.left_out) == (expected, len(all_truths(people)) - expected)


def test_a_model_without_self_calibration_has_no_row_of_it(people):
    model = PoseTransferModel(tiny_model_config(self_calibration=False))
    rows = measure(model, people / "root", SAMPLING, seed=0, limit=2).rows
    assert list(rows) == ["zero", "best affine", "stride 4", "stride 8", "stride 16"]


def save(folder, **changes):
    config = tiny_model_config(**changes)
    PoseTransferModel(config).save_pretrained(folder, Config(model=config, sampling=SAMPLING))
    return ["--checkpoint", str(folder), "--data"]


def test_the_command_prints_a_table_and_writes_its_numbers(people, tmp_path, capsys):
    main([*save(tmp_path / "model"), str(people / "root"), "--limit", "2", "--out", str(tmp_path / "flow.json")])
    record = json.loads((tmp_path / "flow.json").read_text())
    assert record["pairs"] == 2
    table = capsys.readouterr().out
    assert f"{record['rows']['stride 8, self-calibrated']['epe']:6.3f} " in table
    assert "2 pairs of" in table


def test_the_error_has_an_interval_over_people(people, tmp_path):
    for name in ("img", "pose", "synthetic.json"):
        (tmp_path / name).symlink_to(people / "root" / name)
    pairs = [(line.target, line.sources[0]) for line in read_pairs(people / "root", "train")]
    (tmp_path / "test_pairs.txt").write_text("".join(f"{target},{source}\n" for target, source in pairs))
    found = measure(PoseTransferModel(tiny_model_config()), tmp_path, SAMPLING, seed=0)
    truths = {pair: pair_flow(tmp_path, *pair, SIZE) for pair in pairs}
    truths = {pair: truth for pair, truth in truths.items() if truth[1].sum() >= 3}
    values = np.array([flow_errors(0 * truth, truth, visible).epe for truth, visible in truths.values()])
    expected = estimates({"epe": values}, [str(PurePosixPath(target).parent) for target, _ in truths])["epe"]
    assert found.left_out == len(pairs) - len(truths) > 0
    row = found.rows["zero"]
    assert expected.low < row.epe < expected.high
    assert row[:3] == pytest.approx(expected[:3], rel=1e-5)
