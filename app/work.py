"""What the page does, as functions over the pipeline; long ones are generators that yield what is shown meanwhile.

Nothing is kept between two calls, so people who use the page at once have nothing of each other's. The queue runs one
drawing at a time; one whose person went away ends at its next yield.
"""

import base64
import dataclasses
import html
import io
import math
import tempfile
from pathlib import Path

import gradio as gr

from app.film import write_frames
from app.inputs import detected, read_photo
from app.skeleton_editor import to_keypoints, to_value
from config.errors import InputError
from data.given_pose import pose_of
from data.pose_edit import check_pose, frames_between, placed
from data.pose_gallery import gallery_pose
from diffusion.explanation import explain
from diffusion.pipeline import seeded

SAME = gr.skip()  # What the page shows there stays.
PREVIEW = 320  # Height of the picture that shows how far it is, in pixels.
EDITOR = "the pose in the editor"  # A choice beside the bundled poses.
LARGEST_SEED, MOST_PICTURES, MOST_STEPS, MOST_FRAMES, MOST_FPS = 2**32 - 1, 8, 1000, 96, 50


class Work:
    """The page's handlers, for one pipeline."""

    def __init__(self, pipeline):
        self.pipeline = pipeline

    def pictures(self, photo, source_pose, target_pose, sampler, steps, guidance, seed, count):
        """Yields (progress, pictures, what they are of) after each step; pictures where there is a new one."""
        sampling = self._sampling(sampler, steps, guidance)
        seed, count = whole("Seed", seed, 0, LARGEST_SEED), whole("Pictures", count, 1, MOST_PICTURES)
        person, pose = self._person(photo, source_pose), pose_in(target_pose, "The target pose")
        drawn = []
        for number in range(count):
            for step in self.pipeline.steps(person, pose, sampling, [seeded(seed + number)]):
                preview = self.pipeline.shown(step.x_0[0], pose.size, PREVIEW)
                share = (number + step.number / step.count) / count
                yield progress(share, f"Picture {number + 1} of {count}, step {step.number}", preview), SAME, SAME
            drawn.append((self.pipeline.shown(step.x_t[0], pose.size), f"seed {seed + number}"))
            yield SAME, gr.update(value=drawn, selected_index=number), (photo, source_pose, target_pose)
        yield progress(1, f"Done: {len(drawn)} of {count}"), drawn, SAME  # All of it, for clients of the API.

    def explanation(self, photo, source_pose, target_pose, picture, points):
        """The picture that explains a drawn one, an RGB image."""
        person, pose = self._person(photo, source_pose), pose_in(target_pose, "The target pose")
        return explain(self.pipeline, person, pose, self.pipeline.image(picture), points_of(points))

    def animation(self, photo, source_pose, target_pose, names, files, frames, fps, sampler, steps, guidance, seed):
        """Yields (progress, GIF, files) after each frame; GIF and files at the end."""
        sampling = self._sampling(sampler, steps, guidance)
        seed, frames = whole("Seed", seed, 0, LARGEST_SEED), whole("Frames", frames, 2, MOST_FRAMES)
        fps = number("Frames a second", fps, 1, MOST_FPS)
        person = self._person(photo, source_pose)
        poses = frames_between(self._key_poses(target_pose, names, files, person.photo), frames)
        drawn = []
        for pose in poses:
            for step in self.pipeline.steps(person, pose, sampling, [seeded(seed)]):
                share = (len(drawn) + step.number / step.count) / frames
                yield progress(share, f"Frame {len(drawn) + 1} of {frames}"), SAME, SAME
            drawn.append(self.pipeline.shown(step.x_t[0], pose.size))
            yield progress(len(drawn) / frames, f"Frame {len(drawn)} of {frames}", drawn[-1]), SAME, SAME
        with tempfile.TemporaryDirectory() as folder:
            paths = [str(Path(folder) / f"animation_{seed}{ending}") for ending in (".gif", ".mp4")]
            for path in paths:
                write_frames(path, drawn, fps)
            yield progress(1, f"Done: {frames} frames"), paths[0], paths

    def detect(self, photo):
        """The pose found in a photo, for the editor."""
        image = read_photo(photo, "The photo")
        return to_value(detected(image, "The photo", "The photo"))

    def _sampling(self, sampler, steps, guidance):
        return dataclasses.replace(
            self.pipeline.sampling,
            sampler=sampler,
            steps=whole("Steps", steps, 1, MOST_STEPS),
            guidance=number("Guidance", guidance, 0, 20),
        )

    def _person(self, photo, source_pose):
        image = read_photo(photo, "The photo")
        if source_pose is None:
            raise InputError("The photo's pose: not there yet; load it from a file, or place the joints by hand")
        return self.pipeline.person(image, pose_in(source_pose, "The photo's pose"))

    def _key_poses(self, target_pose, names, files, photo):
        """Poses to pass through: those chosen by name, then those of files, in the order of their names."""
        poses = [pose_in(target_pose, "The target pose") if name == EDITOR else gallery_pose(name) for name in names]
        poses += [pose_file(file, photo.size[::-1]) for file in sorted(files or [], key=lambda file: Path(file).name)]
        if len(poses) < 2:
            raise InputError(f"Poses: expected two or more to pass through, got {len(poses)}")
        return poses


def pose_in(value, where):
    """The Keypoints that an editor holds. Raises InputError, beginning with `where`, for too few joints too."""
    if value is None:
        raise InputError(f"{where}: not there yet; choose one, load it from a file, or place the joints by hand")
    pose = to_keypoints(value, where)
    check_pose(pose, where)
    return pose


def pose_file(path, size):
    """The Keypoints of an uploaded file. Messages begin with its name, not with where it is kept."""
    try:
        return pose_of(path, size)
    except InputError as error:
        raise InputError(str(error).replace(str(path), Path(path).name)) from error


def standing_in(photo):
    """The bundled standing pose in the shape of a photo, for the editor, as a beginning."""
    return to_value(placed(gallery_pose("standing"), read_photo(photo, "The photo").size[::-1]))


def under(photo):
    """A photo as a data URL, for an editor to show below its skeleton."""
    image = read_photo(photo, "The photo")
    image.thumbnail((PREVIEW * 2, PREVIEW * 2))
    return data_url(image, "JPEG")


def size_of(photo):
    """Height and width of a photo."""
    return read_photo(photo, "The photo").size[::-1]


def points_of(text):
    """Points "x,y x,y .." as a list; None for an empty text."""
    try:
        points = [tuple(map(float, pair.split(","))) for pair in (text or "").split()]
        if not all(len(point) == 2 and all(map(math.isfinite, point)) for point in points):
            raise ValueError
    except ValueError:
        raise InputError(f"Points: expected x,y pairs such as 30,80 60,120, got {text[:40]!r}") from None
    return points or None


def whole(name, value, least, most):
    """A whole number that was given. Raises InputError, beginning with its name on the page."""
    value = number(name, value, least, most)
    if value != int(value):
        raise InputError(f"{name}: expected a whole number, got {value:g}")
    return int(value)


def number(name, value, least, most):
    """A number that was given. Raises InputError, beginning with its name on the page."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not least <= found <= most:
        raise InputError(f"{name}: expected a number from {least} to {most}, got {str(value)[:40]!r}")
    return found


def progress(share, text, preview=None):
    """How far it is, as HTML: a bar, a sentence, and a picture."""
    image = f'<img alt="The picture so far" src="{data_url(preview, "PNG")}">' if preview else ""
    text = html.escape(text)
    return f'<progress max="1" value="{share:.4f}" aria-label="Progress"></progress><p role="status">{text}</p>{image}'


def data_url(image, form):
    """An image inside a URL."""
    data = io.BytesIO()
    image.save(data, format=form)
    return f"data:image/{form.lower()};base64,{base64.b64encode(data.getvalue()).decode()}"
