"""Training on a data base some of whose images are damaged."""

import dataclasses

import numpy as np
import pytest
import torch

from data.dataset import PairDataset
from data.loader import both_directions
from data.pairs import lmdb_key
from data.store import DamagedImage, ImageStore
from system.errors import InputError
from tests.data.conftest import IMAGES, SIZE
from tests.data.prepared import cut_short, loader_of, lose_value, rewrite, with_bit_flipped

BAD = IMAGES[10]


def flip(value):
    return with_bit_flipped(value, 4 * len(value))


@pytest.fixture
def damaged(settings, own_lmdb):
    """damaged(images, change=flip) -> the DataConfig of a data base in which these are damaged."""

    def damage(images, change=flip):
        for image in images:
            rewrite(own_lmdb / "32-24", lmdb_key(image), change)
        return dataclasses.replace(settings, lmdb=str(own_lmdb))

    return damage


def equal(one, other):
    return all(
        torch.equal(one[name], value) if torch.is_tensor(value) else one[name] == value for name, value in other.items()
    )


def message_of(store, image):
    with pytest.raises(DamagedImage) as caught:
        store.read(lmdb_key(image))
    return str(caught.value)


def test_only_the_pairs_with_a_damaged_image_are_replaced_and_it_is_said(settings, damaged):
    whole, spoilt = PairDataset(settings, SIZE, 0), PairDataset(damaged([BAD]), SIZE, 0)
    message = message_of(spoilt.store, BAD)
    assert lmdb_key(BAD) in message
    replaced = 0
    for position in range(48):
        item = spoilt[position]
        if BAD in whole.names(position):
            replaced += 1
            assert item["position"] == position
            assert set(item["damaged"]) == {message}
            assert not equal(item, {**whole[position], "damaged": item["damaged"]})
        else:
            assert equal(item, whole[position])
    assert 2 < replaced < 12


def test_replacement_is_a_whole_item_that_follows_from_seed_and_position(damaged):
    settings = dataclasses.replace(damaged([BAD]), augment=False)
    dataset = PairDataset(settings, SIZE, 0)
    images = {ImageStore(settings.lmdb, SIZE).read(lmdb_key(name)).tobytes() for name in IMAGES if name != BAD}
    items = {position: dataset[position] for position in range(48) if BAD in dataset.names(position)}
    for position, item in items.items():
        assert equal(PairDataset(settings, SIZE, 0)[position], item)
        for side in ("source_image", "target_image"):
            assert np.ascontiguousarray(item[side].permute(1, 2, 0)).tobytes() in images
    assert len({item["target_image"].numpy().tobytes() for item in items.values()}) > len(items) / 2


def test_replacement_that_is_damaged_is_replaced_too(damaged):
    dataset = PairDataset(damaged(IMAGES[2:14]), SIZE, 0)
    counts = [len(dataset[position]["damaged"]) for position in range(24)]
    assert min(counts) == 0
    assert max(counts) > 1


def test_data_without_a_readable_pair_end_with_the_last_image_tried(settings, own_lmdb, damaged):
    dataset = PairDataset(settings, SIZE, 0)
    damaged(IMAGES, cut_short)
    dataset.store = ImageStore(own_lmdb, SIZE)
    with pytest.raises(DamagedImage, match=rf"^{own_lmdb}/32-24: expected a PNG image under the key img/"):
        dataset[0]


@pytest.mark.parametrize("image", [IMAGES[0], BAD])
def test_one_damaged_record_does_not_end_the_start(settings, own_lmdb, damaged, image):
    settings = damaged([image], cut_short)
    lose_value(own_lmdb / "32-24", lmdb_key(IMAGES[5]))
    assert len(PairDataset(settings, SIZE, 0)) == len(IMAGES)


def test_records_that_are_all_damaged_end_the_start(damaged):
    with pytest.raises(InputError, match="expected a PNG image under the key"):
        PairDataset(damaged(IMAGES), SIZE, 0)


@pytest.mark.parametrize("workers", [0, 2])
def test_batch_joins_what_its_items_could_not_read(damaged, workers):
    settings = dataclasses.replace(damaged(IMAGES[2:14]), workers=workers)
    dataset = PairDataset(settings, SIZE, 0)
    batch = next(iter(loader_of(settings, SIZE, 0, 12, steps=1)))
    expected = [message for position in range(12) for message in dataset[position]["damaged"]]
    assert len(expected) > 3
    assert batch["damaged"] == expected
    assert both_directions(batch)["damaged"] == expected


def test_names_are_those_of_the_position_whatever_can_be_read(settings, damaged):
    plain = dataclasses.replace(settings, augment=False)
    dataset, store = PairDataset(plain, SIZE, 0), ImageStore(settings.lmdb, SIZE)
    spoilt = PairDataset(damaged([BAD]), SIZE, 0)
    for position in range(40):
        source, target = dataset.names(position)
        item = dataset[position]
        for side, name in (("source_image", source), ("target_image", target)):
            pixels = torch.from_numpy(np.array(store.read(lmdb_key(name)))).permute(2, 0, 1)
            assert torch.equal(item[side], pixels)
        assert spoilt.names(position) == (source, target)
