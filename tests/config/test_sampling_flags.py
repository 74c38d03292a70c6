import dataclasses

import pytest

from config.flags import Parser, point
from config.sampling_flags import add_sampling_flags, sampling_settings
from config.schema import SamplingConfig
from system.errors import InputError

OWN = SamplingConfig(sampler="ddim", steps=50, start=700, clip=True, guidance=3.0, guidance_interval=[5, 900])


def changed(*words, own=OWN):
    """A checkpoint's own settings, changed by a command line."""
    parser = Parser("A program.")
    add_sampling_flags(parser)
    return sampling_settings(parser.parse_args([str(word) for word in words]), own)


def test_what_is_not_given_stays_as_the_checkpoint_says():
    assert changed() == OWN
    assert changed(own=SamplingConfig()) == SamplingConfig()


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--sampler", "dpm++"], "sampler", "dpm++"),
        (["--steps", 500], "steps", 500),
        (["--start", 100], "start", 100),
        (["--start", 999], "start", 999),
        (["--no-clip"], "clip", False),
        (["--guidance", 0], "guidance", 0.0),
        (["--guidance", 1.5], "guidance", 1.5),
        (["--guidance-interval", 0, 0], "guidance_interval", [0, 0]),
        (["--precision", "bf16"], "precision", "bf16"),
    ],
)
def test_a_flag_changes_its_field_alone(words, field, value):
    before = dataclasses.replace(OWN)
    assert changed(*words) == dataclasses.replace(OWN, **{field: value})
    assert before == OWN


def test_clip_can_be_switched_on_too():
    assert changed("--clip", own=SamplingConfig()).clip is True


def test_few_steps_are_for_the_samplers_that_take_them():
    assert changed("--sampler", "unipc", "--steps", 3).steps == 3


@pytest.mark.parametrize(("text", "expected"), [("30,80", (30, 80)), ("0.5,-2", (0.5, -2)), (" 1 , 2 ", (1, 2))])
def test_points_are_read(text, expected):
    assert point("--flow-points")(text) == expected


@pytest.mark.parametrize("text", ["a,b", "30", "30,", "1,2,3", "nan,1", "1,inf", ""])
def test_points_that_do_not_fit_are_refused_by_their_flag(text):
    with pytest.raises(InputError) as caught:
        point("--flow-points")(text)
    assert str(caught.value) == f"--flow-points: expected X,Y in pixels, such as 30,80, got {text!r}"
