import torch

from config.schema import SamplingConfig
from data.dataset import TestPairs
from data.levels import to_device
from diffusion.drawing import batches_of, draw_pairs, filled, shared_sources
from models.plain import plain_path
from tests.models.test_pose_transfer import shaken
from tests.tiny import tiny_model_config


def pairs_of(people, chosen):
    pairs = TestPairs(people / "root", (32, 32), targets=False)
    return to_device(torch.utils.data.default_collate([pairs[i] for i in chosen(pairs.pairs)]), "cpu")


def test_each_source_stands_once_and_every_pair_finds_it():
    assert shared_sources(["b", "a", "b", "c", "a"]) == ([0, 1, 3], [0, 1, 0, 2, 1])


def test_pairs_that_share_a_source_are_drawn_as_if_alone_and_encoded_once(people):
    model = shaken(tiny_model_config())
    encoded = []
    model.reference_encoder.register_forward_pre_hook(lambda _, given: encoded.append(len(given[0])))
    sampling = SamplingConfig(steps=3)
    batch = pairs_of(people, lambda _: [0, 1])
    for name in ("source", "source_image", "source_pose"):  # Of the first pair, for both.
        batch[name] = batch[name][:1] * 2 if name == "source" else batch[name][:1].repeat(2, 1, 1, 1)
    together, _ = draw_pairs(model, batch, sampling, seed=0)
    assert encoded == [1]
    alone = torch.cat([draw_pairs(model, {n: v[i : i + 1] for n, v in batch.items()}, sampling, 0)[0] for i in (0, 1)])
    largest = together.abs().max()
    assert (together[0] - together[1]).abs().max() > 0.1 * largest
    assert (together - alone).abs().max() < 0.01 * largest  # Steps enlarge what another batch rounds otherwise.


def test_pictures_equal_those_of_the_plain_path(people):
    model, sampling = shaken(tiny_model_config()), SamplingConfig(steps=4)
    batch = pairs_of(people, lambda pairs: range(0, len(pairs), 3))
    fast, _ = draw_pairs(model, batch, sampling, seed=0)
    with plain_path():
        plain, _ = draw_pairs(model, batch, sampling, seed=0)
    assert (fast - plain).abs().max() <= 1e-4 * plain.abs().max()


def test_pictures_of_bf16_are_near_those_of_float32(people):
    model = shaken(tiny_model_config())
    batch = pairs_of(people, lambda _: [0])
    exact, short = (draw_pairs(model, batch, SamplingConfig(steps=4, precision=p), seed=0)[0] for p in ("no", "bf16"))
    assert short.dtype == torch.float32
    assert 0 < (exact - short).abs().mean() < 0.05 * exact.abs().mean()


def test_compiled_networks_see_one_size_of_batch():
    batches = batches_of(list("abcdefg"), 3)
    assert batches == [[0, 1, 2], [3, 4, 5], [6]]
    assert [filled(batch, 3) for batch in batches] == [[0, 1, 2], [3, 4, 5], [6, 6, 6]]
