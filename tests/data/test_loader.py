import dataclasses
import itertools
import pickle

import cv2
import pytest
import torch

from data.dataset import PairDataset, TestPairs
from data.loader import Loader, both_directions
from data.pairs import keypoint_path
from system.errors import InputError
from tests.data.prepared import loader_of

SIZE = (32, 24)


def batches(settings, workers=0, **options):
    return list(loader_of(dataclasses.replace(settings, workers=workers), SIZE, 0, 3, **options))


def positions(settings, **options):
    return [batch["position"].tolist() for batch in batches(settings, **options)]


def assert_same(ones, others):
    assert len(ones) == len(others)
    for one, other in zip(ones, others, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(torch.as_tensor(one[name]), torch.as_tensor(other[name])) for name in one)


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_do_not_depend_on_the_workers(settings, workers):
    assert_same(batches(settings, workers, steps=10), batches(settings, steps=10))


def test_batches_go_on_where_a_run_stopped(settings):
    whole = batches(settings, steps=12, accumulation=2)
    assert len(whole) == 24
    assert_same(batches(settings, 2, first_position=42, steps=5, accumulation=2), whole[14:])


def test_a_run_goes_on_with_other_processes_and_batches_from_the_same_place(settings):
    before = positions(settings, steps=2, world_size=2, accumulation=2)
    before += positions(settings, steps=2, world_size=2, accumulation=2, rank=1)
    after = [positions(settings, first_position=24, steps=4, rank=rank, world_size=3) for rank in range(3)]
    seen = itertools.chain.from_iterable([*before, *itertools.chain.from_iterable(after)])
    assert sorted(seen) == list(range(24 + 36))


def test_batch_holds_the_items_of_its_positions(settings):
    dataset = PairDataset(settings, SIZE, 0)
    batch = batches(settings, 1, first_position=60, steps=1)[0]
    for n, position in enumerate(batch["position"].tolist()):
        assert position == 60 + n
        item = dataset[position]
        assert item.pop("damaged") == []
        assert all(torch.equal(batch[name][n], torch.as_tensor(values)) for name, values in item.items())


def test_ranks_share_the_global_batch_without_overlap(settings):
    options = {"first_position": 48, "steps": 2, "world_size": 4, "accumulation": 2}
    ranks = [positions(settings, rank=rank, **options) for rank in range(4)]
    together = [sorted(itertools.chain.from_iterable(micro)) for micro in zip(*ranks, strict=True)]
    assert together == [list(range(first, first + 12)) for first in (48, 60, 72, 84)]
    assert ranks[1][0] == [51, 52, 53]


def test_loader_may_be_iterated_while_the_process_reads_too(settings):
    settings = dataclasses.replace(settings, workers=2)
    loader = loader_of(settings, SIZE, 0, 3, steps=6)
    dataset = PairDataset(settings, SIZE, 0)
    dataset[0]
    for batch in loader:
        position = batch["position"][0].item()
        assert torch.equal(batch["target_image"][0], dataset[position]["target_image"])


def test_loader_leaves_the_random_state_alone(settings):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    batches(settings, 1, steps=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_loader_survives_pickling_for_spawn(settings):
    loader = loader_of(settings, SIZE, 0, 3, steps=1)
    original, copy = loader.dataset[5], pickle.loads(pickle.dumps(loader.dataset))[5]
    assert torch.equal(copy["source_image"], original["source_image"])


@pytest.mark.parametrize("workers", [0, 2])
def test_error_in_a_worker_arrives_as_its_sentence(make_root, settings, tmp_path, workers):
    root = make_root(tmp_path / "root")
    path = keypoint_path(root, "img/WOMEN/Dresses/id_00000001/01_2_front.jpg")
    path.write_text("1 2\n" * 17)
    with pytest.raises(InputError) as caught:
        batches(dataclasses.replace(settings, root=str(root)), workers, steps=8)
    assert str(caught.value) == f"{path}:17: expected 18 rows `x y`, got 17"


class Threads(torch.utils.data.Dataset):
    """The number of threads of the process that asks."""

    def __len__(self):
        return 2

    def __getitem__(self, _):
        return {"opencv": cv2.getNumThreads(), "torch": torch.get_num_threads()}


def test_worker_uses_one_thread():
    for batch in Loader(Threads(), 1, [[0, 1]]):
        assert batch["torch"].tolist() == [1, 1]
        assert batch["opencv"].tolist() == [1, 1]


def test_test_pairs_pass_through_the_loader(root):
    dataset = TestPairs(root, SIZE, targets=True)
    loaded = list(Loader(dataset, 2, [[0, 1, 2, 3], [4, 5], [6]]))
    assert [name for batch in loaded for name in batch["result"]] == [item["result"] for item in dataset]
    assert loaded[0]["source_image"].shape == (4, 3, *SIZE)


def test_both_directions_swaps_source_and_target(settings):
    batch = batches(settings, steps=1)[0]
    both = both_directions(batch)
    for kind in ("image", "pose"):
        source, target = batch[f"source_{kind}"], batch[f"target_{kind}"]
        assert torch.equal(both[f"source_{kind}"], torch.cat([source, target]))
        assert torch.equal(both[f"target_{kind}"], torch.cat([target, source]))
    assert both["position"].tolist() == [0, 1, 2, 0, 1, 2]
    assert both["damaged"] == []
