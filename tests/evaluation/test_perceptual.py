from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from evaluation import batches
from evaluation.networks import LPIPS
from evaluation.perceptual import lpips_distances
from evaluation.protocols import PROTOCOLS

SIZE = (64, 48)
CLEAN = PROTOCOLS["clean"]


class Pair(NamedTuple):
    generated: Path
    target: Path


@pytest.fixture
def pairs(tmp_path):
    """Three pairs; the photos of another size than the pictures."""
    found = []
    for index in range(3):
        pair = Pair(tmp_path / f"{index}.png", tmp_path / f"{index}_target.png")
        for path, size in ((pair.generated, SIZE), (pair.target, (80, 80))):
            random = np.random.default_rng(2 * index + len(size))
            Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
        found.append(pair)
    return found


def tensor(path, mask=None):
    picture = np.array(Image.open(path).resize((SIZE[1], SIZE[0]), Image.Resampling.BICUBIC))
    if mask is not None:
        picture[~mask] = 0
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1


def test_distances_are_those_of_each_pair(pairs, weights, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 2)
    network = LPIPS("alex", weights)
    distances = lpips_distances(network, pairs, CLEAN, SIZE)
    assert (distances.shape, distances.dtype) == ((3,), np.float64)
    expected = [network(tensor(pair.generated), tensor(pair.target)).item() for pair in pairs]
    assert len(set(expected)) == 3
    np.testing.assert_allclose(distances, expected, rtol=1e-4)


def test_pictures_are_black_outside_the_mask(pairs, weights):
    network = LPIPS("alex", weights)
    masks = {pair: np.random.default_rng(i).random(SIZE) < 0.5 for i, pair in enumerate(pairs)}
    distances = lpips_distances(network, pairs, CLEAN, SIZE, masks.get)
    expected = [network(tensor(p.generated, masks[p]), tensor(p.target, masks[p])).item() for p in pairs]
    np.testing.assert_allclose(distances, expected, rtol=1e-4)


def test_a_protocols_network_size_is_what_lpips_sees(pairs):
    def shape(generated, target):
        assert generated.shape == target.shape == (3, 3, 256, 176)
        return generated.amax((1, 2, 3)) + 10 * target.amin((1, 2, 3))

    distances = lpips_distances(shape, pairs, PROTOCOLS["pidm"], (96, 96))
    assert np.all((distances > -9.5) & (distances < -8))  # In [-1, 1].


def test_a_folder_with_itself_has_no_distance(pairs, weights):
    same = [Pair(pair.target, pair.target) for pair in pairs]
    assert lpips_distances(LPIPS("vgg", weights), same, CLEAN, SIZE).tolist() == [0, 0, 0]
