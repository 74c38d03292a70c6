import json

import pytest

from config.schema import ModelConfig
from models.pose_transfer import PoseTransferModel
from models.release.convert import release_shapes
from models.release.names import USED


@pytest.fixture(scope="module")
def own():
    return PoseTransferModel.empty(ModelConfig()).state_dict()


def test_every_tensor_of_ours_has_its_names_and_no_name_stands_twice(own):
    assert USED.keys() == own.keys()
    theirs = [name for names in USED.values() for name in names]
    assert len(theirs) == len(set(theirs)) == 980


def test_used_and_unused_tensors_are_those_of_the_release_with_their_shapes(own, shared):
    release = json.loads((shared / "golden" / "release_checkpoint_keys.json").read_text())
    used, unused = release_shapes(own)
    unused = {name: shape for group in unused.values() for name, shape in group.items()}
    assert used.keys().isdisjoint(unused)
    assert used | unused == {name: tuple(shape) for name, shape in release.items()}


def test_each_group_of_unused_tensors_has_the_size_that_it_has_in_the_release(own):
    _, unused = release_shapes(own)
    assert [len(group) for group in unused.values()] == [98, 38, 68, 4]


def test_the_model_has_the_parameters_that_have_an_effect():
    model = PoseTransferModel(ModelConfig())
    assert sum(parameter.numel() for parameter in model.parameters()) == 175_041_364
