import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from config.schema import Config, SamplingConfig
from data import synthetic
from data.images import to_tensor
from data.keypoint_values import Keypoints
from data.resize import fit
from diffusion.explanation import View, explain, places_to_mark, sampled
from diffusion.pipeline import Other, PoseTransferPipeline, generators_of
from system.errors import InputError
from system.seeds import seeded
from tests.models.test_pose_transfer import shaken
from tests.tiny import tiny_model_config

SIZE = (96, 64)


def drawn_person(index, number):
    """A photo and its Keypoints."""
    person, pose = synthetic.identity(0, index), synthetic.poses_of(0, index, 4)[number]
    image = Image.fromarray(synthetic.draw(person, pose, SIZE))
    return image, Keypoints(synthetic.keypoints(person, pose, SIZE), SIZE)


def pipeline_with(resize="squeeze", **changes):
    model = shaken(tiny_model_config(**changes))
    model.experiment = Config(model=model.config, sampling=SamplingConfig(sampler="dpm++", steps=3))
    model.experiment.data.resize = resize
    return PoseTransferPipeline(model)


@pytest.fixture(scope="module")
def pipeline():
    return pipeline_with()


@pytest.fixture(scope="module")
def photo():
    return drawn_person(0, 0)


@pytest.fixture(scope="module")
def target():
    return drawn_person(0, 3)[1]


def pixels(image):
    return np.asarray(image).astype(int)


def test_a_picture_has_the_targets_shape_and_follows_from_its_generator(pipeline, photo, target):
    images = [pipeline(photo[0], target, photo[1], generator=seeded(seed)).images[0] for seed in (0, 0, 1)]
    assert images[0].size == (round(32 * SIZE[1] / SIZE[0]), 32)
    assert (pixels(images[0]) == pixels(images[1])).all()
    assert (pixels(images[0]) != pixels(images[2])).any()


def test_output_types_show_the_same_picture(pipeline, photo, target):
    person = pipeline.person(*photo)
    kinds = {
        kind: pipeline(person, target, generator=seeded(0), output_type=kind).images for kind in ("pil", "np", "pt")
    }
    assert kinds["np"].shape == (1, 32, 32, 3)
    assert kinds["pt"].shape == (1, 3, 32, 32)
    np.testing.assert_array_equal(kinds["np"][0], kinds["pt"][0].permute(1, 2, 0))
    again = pipeline.shown(kinds["pt"][0] * 2 - 1, SIZE)
    assert abs(pixels(again) - pixels(kinds["pil"][0])).max() <= 1


def test_each_picture_of_a_batch_is_its_own_generators(pipeline, photo, target):
    person = pipeline.person(*photo)
    together = pipeline(person, target, num_images=2, generator=[seeded(0), seeded(1)], output_type="pt").images
    alone = [pipeline(person, target, generator=seeded(seed), output_type="pt").images[0] for seed in (0, 1)]
    torch.testing.assert_close(together, torch.stack(alone), atol=2e-3, rtol=0)
    assert (together[0] - together[1]).abs().max() > 0.1


def test_the_callback_sees_every_step_and_ends_the_call_by_raising(pipeline, photo, target):
    seen = []
    pipeline(*photo[:1], target, photo[1], callback_on_step_end=lambda *told: seen.append(told), num_inference_steps=5)
    assert [number for _, number, _, _ in seen] == [1, 2, 3, 4, 5]
    times = [t for _, _, t, _ in seen]
    assert times == sorted(times, reverse=True)
    assert all(told["x_0"].shape == told["x_t"].shape == (1, 3, 32, 32) for *_, told in seen)

    class StopError(Exception):
        pass

    def stop(*_):
        raise StopError

    with pytest.raises(StopError):
        pipeline(photo[0], target, photo[1], callback_on_step_end=stop)


def test_the_last_x_0_is_the_picture(pipeline, photo, target):
    for sampler, steps in (("unipc", 4), ("dpm++", 4), ("ddim", 10), ("ddpm", 10)):
        sampling = dataclasses.replace(pipeline.sampling, sampler=sampler, steps=steps)
        *_, last = pipeline.steps(pipeline.person(*photo), target, sampling, [seeded(0)])
        # DDIM's and DDPM's last step begins at t = 0, whose noise is no more than 1 %.
        torch.testing.assert_close(last.x_0, last.x_t, atol=5e-2, rtol=1e-2)


def test_guidance_and_steps_of_a_call_win(pipeline, photo, target):
    person = pipeline.person(*photo)
    usual = pipeline(person, target, generator=seeded(0)).images[0]
    given = pipeline(person, target, generator=seeded(0), num_inference_steps=3, guidance_scale=2.0).images[0]
    other = pipeline(person, target, generator=seeded(0), guidance_scale=4.0).images[0]
    assert (pixels(usual) == pixels(given)).all()
    assert (pixels(usual) != pixels(other)).any()


def test_the_reference_encoder_runs_once_for_a_person(pipeline, photo, target):
    runs = []
    hook = pipeline.model.reference_encoder.register_forward_hook(lambda *_: runs.append(1))
    person = pipeline.person(*photo)
    for _ in range(3):
        pipeline(person, target)
    hook.remove()
    assert len(runs) == 1


def test_what_is_kept_is_the_given_picture_whatever_the_sampler(pipeline, photo, target):
    reference = drawn_person(1, 0)[0]
    mask = Image.new("L", reference.size)
    mask.paste(255, (0, SIZE[0] // 2, SIZE[1], SIZE[0]))
    kept = pipeline.keep(reference, mask)
    expected = to_tensor(fit(reference, (32, 32), "squeeze"))
    for sampler, steps in (("unipc", 4), ("dpm++", 4), ("ddim", 10), ("ddpm", 10)):
        sampling = dataclasses.replace(pipeline.sampling, sampler=sampler, steps=steps)
        *_, last = pipeline.steps(pipeline.person(*photo), target, sampling, [seeded(0)], kept=kept)
        torch.testing.assert_close(last.x_t[0, :, :14], expected[:, :14], atol=0.02, rtol=0)
        assert (last.x_t[0, :, 18:] - expected[:, 18:]).abs().mean() > 0.1


def test_another_person_by_a_share_of_none_or_all_is_one_person_alone(pipeline, photo, target):
    person, second = pipeline.person(*photo), pipeline.person(*drawn_person(2, 0))

    def drawn(source, other=None):
        return pipeline(source, target, generator=seeded(0), other=other, output_type="pt").images

    torch.testing.assert_close(drawn(person, Other(second, share=0.0)), drawn(person), atol=2e-3, rtol=0)
    torch.testing.assert_close(drawn(person, Other(second, share=1.0)), drawn(second), atol=2e-3, rtol=0)
    half = drawn(person, Other(second, share=0.5))
    assert (half - drawn(person)).abs().max() > 0.02 < (half - drawn(second)).abs().max()


def test_another_person_comes_where_their_flow_carries_the_mask(pipeline, photo, target):
    second = pipeline.person(*drawn_person(2, 0))
    white = torch.ones(1, 1, 32, 32)
    whole = pipeline(pipeline.person(*photo), target, generator=seeded(0), other=Other(second), output_type="pt").images
    masked = pipeline(
        pipeline.person(*photo), target, generator=seeded(0), other=Other(second, mask=white), output_type="pt"
    ).images
    torch.testing.assert_close(masked, whole, atol=2e-3, rtol=0)
    half = torch.cat([torch.zeros_like(white[..., :16]), white[..., 16:]], dim=3)
    some = pipeline(
        pipeline.person(*photo), target, generator=seeded(0), other=Other(second, mask=half), output_type="pt"
    ).images
    own = pipeline(pipeline.person(*photo), target, generator=seeded(0), output_type="pt").images
    assert (some - own).abs().max() > 0.02 < (some - whole).abs().max()


@pytest.mark.parametrize("precision", ["no", "bf16"])
@pytest.mark.parametrize("masked", [False, True])
def test_people_are_mixed_and_explained_in_each_precision(photo, target, precision, masked):
    pipeline = pipeline_with()
    pipeline.sampling.precision = precision
    person, second = pipeline.person(*photo), pipeline.person(*drawn_person(2, 0))
    other = Other(second, share=0.5, mask=torch.ones(1, 1, 32, 32) if masked else None)
    mixed = pipeline(person, target, generator=seeded(0), other=other, output_type="pt").images
    assert mixed.isfinite().all()
    explain(pipeline, person, target, mixed * 2 - 1)
    exact = dataclasses.replace(pipeline.sampling, precision="no")
    assert pipeline(person, target, sampling=exact, output_type="pt").images.isfinite().all()


def test_padded_pictures_come_without_bars_and_cropped_ones_as_they_are(photo, target):
    assert pipeline_with("pad")(photo[0], target, photo[1]).images[0].size == (21, 32)
    assert pipeline_with("crop")(photo[0], target, photo[1]).images[0].size == (32, 32)


def test_one_generator_seeds_one_for_each_picture():
    first = [g.initial_seed() for g in generators_of(seeded(0), 3)]
    assert len(set(first)) == 3
    assert first == [g.initial_seed() for g in generators_of(seeded(0), 3)]
    assert len({g.initial_seed() for g in generators_of(None, 1) + generators_of(None, 1)}) == 2


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("output_type: expected", {"output_type": "jpg"}),
        ("generator: expected 2", {"generator": [seeded(0)], "num_images": 2}),
        ("steps: expected", {"num_inference_steps": 0}),
        ("steps: expected a whole number", {"num_inference_steps": 2.5}),
        ("num_images: expected", {"num_images": 0}),
        ("guidance: expected", {"guidance_scale": float("nan")}),
        ("source_pose: expected", {"source_pose": None}),
    ],
)
def test_what_cannot_be_used_is_named(pipeline, photo, target, words, options):
    options = {"source_pose": photo[1]} | options
    with pytest.raises(InputError, match=f"^{words}"):
        pipeline(photo[0], target, **options)


def test_a_pose_a_share_and_a_mask_that_cannot_be_used_are_named(pipeline, photo, target):
    person = pipeline.person(*photo)
    with pytest.raises(InputError, match=r"^target_pose: expected Keypoints"):
        pipeline(person, None)
    with pytest.raises(InputError, match=r"^share: expected"):
        pipeline(person, target, other=Other(person, share=1.5))
    with pytest.raises(InputError, match=r"^mask: expected the picture's size"):
        pipeline.keep(photo[0], Image.new("L", (5, 5)))


def test_what_a_cropped_picture_does_not_show_is_not_marked(photo, target):
    pipeline = pipeline_with("crop")
    person = pipeline.person(*photo)
    with pytest.raises(InputError, match=r"^30,2: expected a point of the picture"):
        explain(pipeline, person, target, torch.zeros(1, 3, 32, 32), [(30, 2)])
    explain(pipeline, person, target, torch.zeros(1, 3, 32, 32), [(30, 50)])
    view = View((96, 64), (32, 32), "crop")  # Rows 16 to 79 of 96.
    joints = np.full((18, 2), -1.0)
    joints[[0, 1, 8]] = [[30, 10], [30, 20], [30, 79]]
    np.testing.assert_array_equal(places_to_mark(view, Keypoints(joints, (96, 64))), [[15, 2], [15, 31.5]])


@pytest.mark.parametrize("resize", ["squeeze", "pad", "crop"])
def test_an_explanation_marks_as_many_points_as_chosen(photo, target, resize):
    pipeline = pipeline_with(resize)
    person = pipeline.person(*photo)
    picture = pipeline(person, target, generator=seeded(0), output_type="pt").images * 2 - 1
    by_joints = explain(pipeline, person, target, picture)
    chosen = explain(pipeline, person, target, picture, [(10, 20), (30, 40), (50, 70)])
    assert by_joints.size == chosen.size
    assert (pixels(by_joints) != pixels(chosen)).any()
    with pytest.raises(InputError, match=r"^64,10: expected a point of the picture, which is 64 wide, 96 high"):
        explain(pipeline, person, target, picture, [(64, 10)])


def test_an_explanation_needs_a_flow_and_does_without_self_calibration(photo, target):
    pipeline = pipeline_with(self_calibration=False)
    explain(pipeline, pipeline.person(*photo), target, torch.zeros(1, 3, 32, 32))
    pipeline = pipeline_with(self_calibration=False, flow=False)
    with pytest.raises(InputError, match="flow"):
        explain(pipeline, pipeline.person(*photo), target, torch.zeros(1, 3, 32, 32))


def test_a_flow_is_read_at_points_in_pixels_of_the_image():
    flow = torch.zeros(1, 2, 8, 8)
    flow[0, :, 2, 5] = torch.tensor([1.0, -2.0])  # Rows 8..11 and columns 20..23 of 32 x 32.
    points = np.array([[21.0, 9.0], [21.0, 13.0], [900.0, 9.0]])
    np.testing.assert_array_equal(sampled(flow, points, (32, 32)), [[4, -8], [0, 0], [0, 0]])
