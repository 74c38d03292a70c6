import numpy as np
import pytest
import torch

from data.pose import LIMBS, pose_map
from flow_ops import resize_flow
from models.flow_losses import (
    FlowLoss,
    PixelFeatures,
    affine_regularisation,
    limb_closeness,
    sampling_correctness,
)
from models.vgg import VGG19Features
from system.errors import InputError


def grid(height, width, dtype=torch.float32):
    rows, columns = torch.meshgrid(torch.arange(height, dtype=dtype), torch.arange(width, dtype=dtype), indexing="ij")
    return columns, rows


def test_losses_equal_the_reference_numbers(golden):
    numbers = golden("flow")
    correctness = sampling_correctness(numbers["flow"], numbers["source"], numbers["target"])
    torch.testing.assert_close(correctness, numbers["correctness"], rtol=2e-5, atol=0)
    for kernel in (2, 3):
        affine = affine_regularisation(numbers["flow"], kernel)
        torch.testing.assert_close(affine, numbers[f"affine_k{kernel}"], rtol=2e-5, atol=0)


@pytest.mark.parametrize("kernel", [2, 3])
def test_an_affine_flow_is_not_punished_and_a_bent_one_is(kernel):
    columns, rows = grid(9, 7)
    affine = torch.stack([0.3 * columns - 0.5 * rows + 2, 0.1 * columns + 0.7 * rows - 30])[None]
    assert affine_regularisation(affine, kernel) < 1e-8
    bent = affine + torch.stack([columns * rows, columns * 0])[None]
    assert affine_regularisation(bent, kernel) > 0.1


def test_affine_regularisation_is_the_residual_of_a_least_squares_fit():
    flow = torch.randn(1, 2, 3, 3, dtype=torch.float64)
    columns, rows = grid(3, 3, torch.float64)
    design = torch.stack([rows.flatten(), columns.flatten(), torch.ones(9, dtype=torch.float64)], dim=1)
    ends = torch.stack([(flow[0, 0] + columns).flatten(), (flow[0, 1] + rows).flatten()], dim=1)
    fitted = design @ torch.linalg.lstsq(design, ends).solution
    torch.testing.assert_close(affine_regularisation(flow, 3), (fitted - ends).square().sum())


def test_the_true_flow_is_the_most_correct_one():
    source = torch.rand(1, 30, 8, 8)
    target = source.roll(2, dims=3)
    right, none = torch.zeros(2, 1, 2, 8, 8)
    right[:, 0] = -2
    assert sampling_correctness(right, source, target) < sampling_correctness(none, source, target)


def test_a_flow_on_a_finer_grid_is_scaled_with_it():
    flow = torch.tensor([1.0, -2.0])[None, :, None, None].expand(1, 2, 2, 3)
    finer = resize_flow(flow, (4, 9))
    assert finer.shape == (1, 2, 4, 9)
    assert (finer[0, 0] == 3).all()
    assert (finer[0, 1] == -4).all()


def alone(flows):
    return {stride: [flow] for stride, flow in flows.items()}


def test_pixel_features_are_finite_under_the_losses_also_for_black_grey_and_white():
    loss = FlowLoss(PixelFeatures([4, 8]), {4: 3, 8: 2})
    for value in (-1.0, 0.0, 1.0):
        flows = {4: torch.randn(1, 2, 8, 8, requires_grad=True), 8: torch.randn(1, 2, 4, 4, requires_grad=True)}
        images = torch.full((1, 3, 32, 32), value), torch.rand(1, 3, 32, 32) * 2 - 1
        total = sum(loss(alone(flows), *(loss.features(image, None) for image in images)))
        torch.as_tensor(total).backward()
        assert all(flow.grad.isfinite().all() for flow in flows.values())


def standing(x, size=(64, 64)):
    """Pose map (1, 20, H, W) of a person who stands around column x, without a right arm."""
    joints = np.full((18, 2), -1.0)
    joints[[0, 1, 2, 5, 6, 7]] = [(x, 8), (x, 16), (x - 6, 16), (x + 6, 16), (x + 10, 24), (x + 10, 32)]
    joints[8:14] = [(x - 4, 34), (x - 4, 46), (x - 4, 58), (x + 4, 34), (x + 4, 46), (x + 4, 58)]
    return torch.from_numpy(pose_map(joints, size))[None]


def test_closeness_is_1_on_a_limb_falls_with_the_distance_and_vanishes_without_the_limb():
    closeness = limb_closeness(standing(32))
    trunk, forearm, lost = LIMBS.index((1, 8)), LIMBS.index((6, 7)), LIMBS.index((3, 4))
    assert closeness.shape == (1, 17, 64, 64)
    assert closeness[0, trunk, 25, 30] == 1
    row = closeness[0, forearm, 28, 42:]
    assert row[0] == 1
    assert (row.diff() <= 0).all()
    assert row[-1] < 0.2
    assert closeness[0, lost].max() < 1e-6


def test_limbs_tell_the_true_flow_where_the_photo_is_of_one_colour():
    loss = FlowLoss(PixelFeatures([4]), {4: 3}, limb_weight=1.0)
    grey = torch.zeros(1, 3, 64, 64)
    sides = (grey, standing(24)), (grey, standing(40))
    right, none = torch.zeros(2, 1, 2, 16, 16)
    right[:, 0] = -4
    of_right, of_none = (loss({4: [flow]}, *(loss.features(*side) for side in sides))[0] for flow in (right, none))
    assert of_right < of_none / 4
    loss = FlowLoss(PixelFeatures([4]), {4: 3})
    of_right, of_none = (loss({4: [flow]}, *(loss.features(*side) for side in sides))[0] for flow in (right, none))
    assert of_right == of_none


def test_losses_of_several_flows_of_a_stride_are_their_mean():
    loss = FlowLoss(PixelFeatures([4]), {4: 3})
    source, target = (loss.features(torch.rand(1, 3, 64, 64), None) for _ in range(2))
    flows = torch.randn(3, 1, 2, 16, 16)
    together, alone = loss({4: list(flows)}, source, target), [loss({4: [flow]}, source, target) for flow in flows]
    torch.testing.assert_close(torch.stack(together), torch.tensor(alone).mean(dim=0))


def write_vgg(path, change=lambda weights: weights):
    convs = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256)}
    convs |= {16: (256, 256), 19: (256, 512)} | dict.fromkeys((21, 23, 25, 28, 30, 32, 34), (512, 512))
    weights = {}
    for index, (before, after) in convs.items():
        weights[f"features.{index}.weight"] = torch.randn(after, before, 3, 3) * (2 / (9 * before)) ** 0.5
        weights[f"features.{index}.bias"] = torch.zeros(after)
    torch.save(change(weights | {"classifier.0.bias": torch.zeros(4096)}), path)


def test_vgg_features_come_from_a_file_of_torchvisions_names_and_fit_the_strides(tmp_path):
    write_vgg(tmp_path / "vgg19.pth")
    features = VGG19Features(str(tmp_path / "vgg19.pth"))
    image = torch.rand(1, 3, 64, 64) * 2 - 1
    maps = features(image)
    assert [tuple(x.shape[1:]) for x in maps] == [(512, 8, 8), (512, 4, 4), (512, 4, 4)]
    assert all((x >= 0).all() for x in maps)
    assert not any(p.requires_grad for p in features.parameters())

    flows = {8: torch.randn(1, 2, 8, 8), 16: torch.randn(1, 2, 4, 4), 32: torch.randn(1, 2, 2, 2)}
    correctness, affine = FlowLoss(features, {8: 3, 16: 2, 32: 2})(alone(flows), maps, features(image.flip(3)))
    assert correctness.isfinite()
    assert affine.isfinite()


def test_vgg_weights_that_are_missing_or_something_else_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(InputError, match=r"^loss.vgg19_weights: .*checkpoints/vgg19-dcbb9e9d.pth is not there"):
        VGG19Features()
    path = tmp_path / "vgg19.pth"
    write_vgg(path, change=lambda weights: {name: w for name, w in weights.items() if name != "features.34.bias"})
    with pytest.raises(InputError, match=r"vgg19\.pth: expected torchvision's VGG-19; features\.34\.bias is missing"):
        VGG19Features(str(path))
    path.write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"vgg19\.pth: expected a checkpoint"):
        VGG19Features(str(path))
