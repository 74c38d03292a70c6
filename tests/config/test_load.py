from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.load import load_config, to_yaml
from config.schema import AttentionLevel, Config, TrainingConfig

FOLDER = Path(__file__).parents[2] / "config"
PAPER = FOLDER / "deepfashion_256.yaml"


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


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


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="$\\?"), max_size=20), st.floats(0, 1e6), st.integers(0))
def test_any_text_and_number_survive_being_saved(tmp_path_factory, text, number, seed):
    config = Config()
    config.data.root, config.sampling.guidance, config.training.seed = text, number, seed
    path = tmp_path_factory.getbasetemp() / "saved.yaml"
    path.write_text(to_yaml(config), encoding="utf-8")
    assert asdict(load_config(path)) == asdict(config)
