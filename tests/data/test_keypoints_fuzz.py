"""Whatever is in a keypoint file, its reader gives keypoints or an InputError that names the file."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import keypoints
from system.errors import InputError
from tests.data.test_keypoints import FILES

WORDS = (
    *("people", "pose_keypoints_2d", "pose_keypoints", "canvas_height", "canvas_width", "annotations", "images", "id"),
    *("image_id", "keypoints", "file_name", "height", "width", "instance_info", "instances", "keypoint_scores"),
)
number = st.one_of(st.integers(-3, 300), st.floats(), st.sampled_from([1e308, -1, 10**30, 2**64]))
leaf = st.one_of(number, st.none(), st.booleans(), st.text(max_size=3), st.sampled_from(WORDS))
row = st.lists(number, min_size=17, max_size=75)
tree = st.recursive(
    st.one_of(leaf, row),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)),
    max_leaves=12,
)
joints = st.sampled_from([17, 18, 25]).flatmap(lambda count: st.lists(number, min_size=3 * count, max_size=3 * count))


def spliced(text, start, length, piece):
    """Text with a part of it replaced."""
    start %= len(text) + 1
    return text[:start] + piece + text[start + length :]


pieces = st.one_of(
    st.sampled_from(["7", "0", "1.5", "NaN", "-1", "[", "{}", "null", ":", "1e999", "9" * 400]), st.text(max_size=6)
)


def contents(form):
    """Bytes: files of the form (of any, if None) in which one place is another, and what is no such file at all."""
    texts = [text for kind, text in FILES.values() if form in (kind, None)]
    mutants = st.builds(spliced, st.sampled_from(texts), st.integers(0, 10**6), st.integers(0, 3), pieces)
    people = st.builds(
        lambda values, name: json.dumps({"people": [{name: values}]}), joints, st.sampled_from(WORDS[1:3])
    )
    others = st.one_of(people, tree.map(json.dumps), st.text(max_size=80))
    text = st.integers(0, 9).flatmap(lambda choice: mutants if choice < 6 else others)
    return text.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60)


def outcome(path, form, size, person):
    """Keypoints by name, or the sentence that says why there are none."""
    try:
        return keypoints.read(path, size, person, form)
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("form", [*keypoints.FORMS, None])
def test_any_content_gives_keypoints_or_an_error_that_names_the_file(form, tmp_path, pytestconfig):
    path, cases = tmp_path / "anything", pytestconfig.getoption("cases")

    @settings(
        max_examples=cases, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType] (its metaclass iterates)
    )  # fmt: skip
    @given(contents(form), st.sampled_from([(256, 176), None]), st.sampled_from([None, 1, 3]))
    def check(content, size, person):
        path.write_bytes(content)
        found = outcome(path, form, size, person)
        if isinstance(found, str):
            assert found.startswith(str(path))
            return
        for one in found.values():
            assert one.joints.shape == (18, 2)
            assert one.joints.dtype == np.float64
            assert np.isfinite(one.joints).all()
            assert np.isfinite(keypoints.to_annotation(one)).all()

    check()
