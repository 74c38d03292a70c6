from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.load import load_config, to_yaml
from config.schema import AttentionLevel, Config, TrainingConfig
from system.errors import InputError

FOLDER = Path(__file__).parents[2] / "config"
PAPER = FOLDER / "deepfashion_256.yaml"


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(path, *overrides):
    with pytest.raises(InputError) as caught:
        load_config(path, overrides)
    return str(caught.value)


def test_the_paper_s_file_equals_the_defaults():
    assert load_config(PAPER) == Config()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_survives_being_saved(path, write):
    config = load_config(path)
    assert load_config(write(to_yaml(config))) == config


def test_a_saved_file_is_read_back_by_its_path(write):
    path = write(to_yaml(Config()))
    assert load_config(path) == load_config(str(path)) == Config()


def test_the_result_is_plain_python():
    config = load_config(PAPER)
    assert type(config) is Config
    assert type(config.model.image_size) is list
    assert type(config.model.attention[0]) is AttentionLevel


def test_an_empty_file_gives_the_defaults(write):
    assert load_config(write("# nothing\n")) == Config()


def test_overrides_apply_in_order_and_change_nothing_else():
    config = load_config(PAPER, ["training.steps=7", "training.steps=8", "model.attention[1].kernel=5"])
    expected = Config()
    expected.training.steps = 8
    expected.model.attention[1].kernel = 5
    assert config == expected


def test_an_override_may_give_a_list_or_a_section():
    config = load_config(PAPER, ["model.image_size=[512,352]", "training={steps: 3, seed: 1}"])
    assert config.model.image_size == [512, 352]
    assert config.training == TrainingConfig(steps=3, seed=1)


@pytest.mark.parametrize("text", ["a=b", "007", "no", "", "[x", "x: y"])
def test_an_override_of_text_is_taken_as_typed(text):
    assert load_config(PAPER, [f"data.root={text}"]).data.root == text


def test_yaml_means_what_it_looks_like(write):
    config = load_config(write("training: {precision: no, learning_rate: 1e-3, gradient_clip: 2, steps: 1_000}"))
    assert config.training == TrainingConfig(precision="no", learning_rate=1e-3, gradient_clip=2.0, steps=1000)
    assert type(config.training.gradient_clip) is float


def test_a_reference_to_another_key_is_resolved(write):
    assert load_config(write("data: {root: here, lmdb: '${data.root}_lmdb'}")).data.lmdb == "here_lmdb"


def test_an_unknown_key_is_named_with_the_nearest_one(write):
    message = refusal(write("training: {lerning_rate: 1.0}"))
    assert message.startswith("training.lerning_rate: ")
    assert "mine.yaml" in message
    assert message.endswith("training.learning_rate")


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("training.lerning_rate=1", "training.learning_rate"),
        ("lerning_rate=1", "training.learning_rate"),
        ("trainig={steps: 1}", "training"),
        ("training={stps: 1}", "training.steps"),
        ("model.attention[0].kernal=3", "model.attention[0].kernel"),
        ("model.attention[9].kernel=3", "model.attention[0].kernel"),
        ("training..steps=1", "training.steps"),
    ],
)
def test_an_unknown_key_of_the_command_line_is_named_as_written(word, nearest):
    message = refusal(PAPER, word)
    key = "training.stps" if "stps" in word else word.partition("=")[0]
    assert message == f"{key}: unknown key in the command line; the nearest one is {nearest}"


@pytest.mark.parametrize(
    ("text", "key", "expected", "given_value"),
    [
        ("training: {steps: many}", "training.steps", "an integer", "'many'"),
        ("training: {steps: 1.5}", "training.steps", "an integer", "1.5"),
        ("training: {steps: true}", "training.steps", "an integer", "True"),
        ("training: {steps: }", "training.steps", "an integer", "null"),
        ("training: {steps: '5'}", "training.steps", "an integer", "'5'"),
        ("training: {learning_rate: fast}", "training.learning_rate", "a number", "'fast'"),
        ("sampling: {guidance: .inf}", "sampling.guidance", "a number", "'.inf'"),
        ("data: {augment: no}", "data.augment", "true or false", "'no'"),
        ("data: {root: [a]}", "data.root", "text", "['a']"),
        ("training: 5", "training", "settings", "5"),
        ("training:", "training", "settings", "null"),
        ("model: {image_size: 64}", "model.image_size", "a list", "64"),
        ("model: {image_size: [64, x]}", "model.image_size[1]", "an integer", "'x'"),
        ("model: {attention: [8]}", "model.attention[0]", "settings", "8"),
        ("model: {attention: [{stride: x}]}", "model.attention[0].stride", "an integer", "'x'"),
    ],
)
def test_a_wrong_type_names_key_expectation_and_value(write, text, key, expected, given_value):
    message = refusal(write(text))
    assert message.startswith(f"{key}: expected {expected}")
    assert "mine.yaml" in message
    assert given_value in message


def test_a_wrong_type_on_the_command_line_says_so():
    message = refusal(PAPER, "training.steps=many")
    assert message == "training.steps: expected an integer, but the command line gives the text 'many'"


@pytest.mark.parametrize("word", ["training.steps", "=3", "--steps"])
def test_an_override_without_key_and_value_is_named(word):
    assert refusal(PAPER, word).startswith(f"{word}: expected key=value")


def test_an_override_that_is_no_yaml_is_named():
    assert refusal(PAPER, "training.steps=[1").startswith("training.steps: '[1'")


def test_a_missing_file_is_named(tmp_path):
    assert refusal(tmp_path / "none.yaml").startswith(f"{tmp_path / 'none.yaml'}: ")


def test_a_folder_is_refused_as_a_file(tmp_path):
    assert refusal(tmp_path).startswith(f"{tmp_path}: cannot be read")


@pytest.mark.parametrize(
    ("text", "line"),
    [("model:\n  a: [1\n", 3), ("data:\n\troot: x\n", 2), ("data:\n  root: a\n  root: b\n", 3), ("1: 2\n", 1)],
)
def test_unparsable_yaml_is_named_with_its_line(write, text, line):
    path = write(text)
    assert refusal(path).startswith(f"{path}, line {line}: ")


@pytest.mark.parametrize("text", ["- a\n", "word\n"])
def test_a_file_without_sections_is_refused(write, text):
    path = write(text)
    assert refusal(path).startswith(f"{path}: expected sections")


@pytest.mark.parametrize("value", ["${data.nowhere}", "${", "???"])
def test_a_reference_to_nothing_begins_with_its_key(value):
    assert refusal(PAPER, f"data.root={value}").startswith("data.root: ")


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="$\\?"), max_size=20), st.floats(0, 1e6), st.integers(0))
def test_any_text_and_number_survive_being_saved(tmp_path_factory, text, number, seed):
    config = Config()
    config.data.root, config.sampling.guidance, config.training.seed = text, number, seed
    path = tmp_path_factory.getbasetemp() / "saved.yaml"
    path.write_text(to_yaml(config), encoding="utf-8")
    assert asdict(load_config(path)) == asdict(config)
