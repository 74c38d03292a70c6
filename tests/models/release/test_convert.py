import logging
from pathlib import Path

import pytest
import torch

from config.schema import ModelConfig
from models.pose_transfer import PoseTransferModel
from models.release.convert import Release, from_release, looks_like, read_release, to_release
from models.release.names import USED
from system.errors import InputError
from tests.release import hollow_weights, write_release


@pytest.fixture(scope="module")
def own():
    return PoseTransferModel.empty(ModelConfig()).state_dict()


def release(weights):
    return Release(Path("FILE.pt"), weights, "ema", [], [])


def message(weights, own):
    with pytest.raises(InputError) as caught:
        from_release(release(weights), own)
    assert str(caught.value).startswith("FILE.pt: expected the network of the release")
    return str(caught.value)


def test_there_and_back_changes_no_used_tensor_and_leaves_the_others_zero(own):
    weights = {name: torch.randn(value.shape).to(value.dtype) for name, value in own.items()}
    theirs = to_release(weights)
    assert theirs.keys() == hollow_weights().keys()
    back = from_release(release(theirs), own)
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[name], weights[name]) for name in weights)

    used = {name for names in USED.values() for name in names}
    second_names = {name for name in theirs if ".jump" in name and ".conv1." in name}
    assert len(second_names) == 4
    assert all(torch.equal(theirs[n], theirs[n.replace("conv1", "model.2")]) for n in second_names)
    assert not any(theirs[name].any() for name in theirs.keys() - used - second_names)


def test_stacked_heads_stand_in_their_order(own):
    weights = hollow_weights()
    head = "cct_block.encoder.layer.2.channel_attn.query3.{}.weight"
    for h in range(4):
        weights[head.format(h)] = torch.full((128, 128), float(h))
    ours = from_release(release(weights), own)["denoiser.fusion.layers.2.attention.queries.2.weight"]
    assert torch.equal(ours[::128, 0], torch.arange(4.0))


def test_other_data_types_become_ours(own):
    weights = hollow_weights()
    weights["out.2.bias"] = torch.arange(6.0, dtype=torch.float16)
    assert torch.equal(from_release(release(weights), own)["denoiser.conv_out.bias"], torch.arange(6.0))


def test_tensors_that_are_missing_unknown_or_of_another_shape_are_named(own):
    weights = hollow_weights()
    del weights["out.2.bias"]
    assert "out.2.bias is missing" in message(weights, own)
    assert "extra.weight is unknown" in message(hollow_weights() | {"extra.weight": torch.zeros(1)}, own)
    assert "out.2.bias is (3,), not (6,)" in message(hollow_weights() | {"out.2.bias": torch.zeros(3)}, own)
    assert "out.2.bias is no plain tensor" in message(hollow_weights() | {"out.2.bias": "text"}, own)
    assert "out.2.bias is no plain tensor" in message(hollow_weights() | {"out.2.bias": torch.zeros(6).to("meta")}, own)
    assert "out.2.bias is of torch.int32" in message(hollow_weights() | {"out.2.bias": torch.zeros(6).int()}, own)
    assert "out.2.bias is of torch.complex64" in message(hollow_weights() | {"out.2.bias": torch.zeros(6) * 1j}, own)
    sparse = torch.zeros(6).to_sparse()
    assert "out.2.bias is no plain tensor" in message(hollow_weights() | {"out.2.bias": sparse}, own)
    few = dict(list(hollow_weights().items())[10:])
    assert "and 7 more" in message(few, own)


def test_a_tensor_without_effect_may_be_missing_but_not_be_another(own):
    name = "input_blocks.3.0.cond_emb_layers.1.weight"
    weights = hollow_weights()
    del weights[name]
    assert from_release(release(weights), own).keys() == own.keys()
    assert name in message(hollow_weights() | {name: torch.zeros(3)}, own)


def test_the_message_says_which_network_it_looks_like(own):
    pidm = {name: value for name, value in hollow_weights().items()
            if not name.startswith(("flow_net.", "cct_block.")) and ".target." not in name}  # fmt: skip
    assert "PIDM" in message(pidm, own)
    assert "the release, changed" in message({**hollow_weights(), "out.2.bias": torch.ones(1)}, own)

    def looks(*names):
        return looks_like(dict.fromkeys(names, torch.zeros(1)), own)

    assert "another version of the release" in looks("flow_net.block0.weight", "cct_block.norm.weight")
    assert "GFLA" in looks("flow_net.block0.weight", "source.block0.weight", "target.block0.weight")
    assert "Stable Diffusion" in looks("model.diffusion_model.input_blocks.0.0.weight")
    assert "diffusers" in looks("down_blocks.0.weight", "up_blocks.0.weight", "conv_in.bias")
    assert "guided-diffusion" in looks("input_blocks.0.0.weight", "output_blocks.0.0.weight")
    assert "this program" in looks(*USED)
    assert "no network" in looks("a")


def test_infinity_that_comes_of_a_narrower_type_is_warned_of(own, caplog):
    from_release(release(hollow_weights() | {"out.2.bias": torch.full((6,), 1e300, dtype=torch.float64)}), own)
    assert "NaN or infinity in out.2.bias;" in caplog.text


def test_nan_and_infinity_are_warned_of_by_name(own, caplog):
    weights = hollow_weights()
    weights["out.2.bias"] = torch.tensor([0, 0, torch.nan, 0, 0, 0])
    weights["out.0.weight"] = torch.full((128,), torch.inf)
    with caplog.at_level(logging.WARNING):
        from_release(release(weights), own)
    (record,) = caplog.records
    assert record.getMessage().startswith("FILE.pt: NaN or infinity in out.0.weight, out.2.bias;")


def test_no_warning_is_given_of_finite_weights(own, caplog):
    from_release(release(hollow_weights()), own)
    assert caplog.records == []


def test_the_asked_for_weights_of_a_file_are_read_and_the_other_entries_told(tmp_path):
    ema, model = {"a": torch.zeros(1)}, {"a": torch.ones(1)}
    path = write_release(tmp_path / "a.pt", ema, model)
    assert read_release(path).weights["a"] == 0
    read = read_release(path, "model")
    assert read.weights["a"] == 1
    assert (read.kind, read.others) == ("model", ["ema", "scheduler", "conf"])
    assert read.unread == ["authors_config.DiffusionConfig"]


def test_a_file_of_one_state_dict_is_read_as_it_is(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "a.pt")
    assert read_release(tmp_path / "a.pt").kind == "only"


def test_names_that_data_parallel_wrapped_are_unwrapped(tmp_path):
    path = write_release(tmp_path / "a.pt", {"module.a": torch.ones(1), "module.b": torch.ones(1)})
    assert list(read_release(path).weights) == ["a", "b"]


def test_a_file_that_lacks_the_asked_for_weights_says_how_to_take_the_others(tmp_path):
    torch.save({"model": {"a": torch.ones(1)}, "ema": None}, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"found 'model' \(dict\), 'ema' \(NoneType\); --weights model"):
        read_release(tmp_path / "a.pt")


@pytest.mark.parametrize("content", [{}, [1], torch.ones(1), {"model": {}, "ema": 3}, {"state": {"a": torch.ones(1)}}])
def test_a_file_that_holds_something_else_is_refused_with_what_it_holds(tmp_path, content):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(InputError, match="expected a dictionary") as caught:
        read_release(tmp_path / "a.pt")
    assert str(caught.value).startswith(f"{tmp_path / 'a.pt'}: ")
