"""What the page does, as functions over the pipeline; long ones are generators that yield what is shown meanwhile.

Nothing is kept between two calls, so people who use the page at once have nothing of each other's. The queue runs one
drawing at a time; one whose person went away ends at its next yield.
"""

import base64
import dataclasses
import functools
import html
import io
import tempfile
import threading
from pathlib import Path

import gradio as gr

from app.film import write_frames
from app.inputs import LARGEST_SEED, pose_detector, read_photo
from app.skeleton_editor import to_value
from app.values import number, points, pose_file, pose_in, whole, without_folder
from data.pose_edit import check_pose, frames_between
from data.pose_gallery import gallery_pose
from diffusion.explanation import explain
from system.errors import InputError
from system.seeds import seeded

SAME = gr.skip()  # What the page shows there stays.
PREVIEW = 320  # Height of the picture that shows how far it is, in pixels.
EDITOR = "the pose in the editor"  # A choice beside the bundled poses.
MOST_PICTURES, MOST_FRAMES, MOST_FPS = 8, 96, 50
MOST_STEPS = 6000  # In one drawing, over all its pictures: others wait.


class Work:
    """The page's handlers, for one pipeline."""

    def __init__(self, pipeline):
        self.pipeline = pipeline
        self.alone = threading.Lock()  # The networks do one thing at a time; a drawing that is stopped ends its step.

    def pictures(self, photo, source_pose, target_pose, sampler, steps, guidance, seed, count):
        """Yields (progress, pictures, what they are of) after each step; pictures where there is a new one."""
        seed, count = whole("Seed", seed, 0, LARGEST_SEED), whole("Pictures", count, 1, MOST_PICTURES)
        sampling = self._sampling(sampler, steps, guidance, count)
        person, pose = self._person(photo, source_pose), pose_in(target_pose, "The target pose")
        drawn = []
        for place in range(count):
            for step in self._steps(person, pose, sampling, seed + place):
                preview = self.pipeline.shown(step.x_0[0], pose.size, PREVIEW)
                share = (place + step.number / step.count) / count
                yield (
                    progress(share, f"Picture {place + 1} of {count}, step {step.number} of {step.count}", preview),
                    SAME,
                    SAME,
                )
            picture = step.x_t[0]  # pyright: ignore[reportPossiblyUnboundVariable] (there are steps)
            drawn.append((self.pipeline.shown(picture, pose.size), f"seed {seed + place}"))
            yield SAME, gr.update(value=drawn, selected_index=place), (photo, source_pose, target_pose)
        yield progress(1, f"Done: {len(drawn)} of {count}"), drawn, SAME  # All of it, for clients of the API.

    def explanation(self, photo, source_pose, target_pose, picture, marks):
        """The picture that explains a drawn one, an RGB image. marks: as a person writes points."""
        person, pose = self._person(photo, source_pose), pose_in(target_pose, "The target pose")
        image = self.pipeline.image(read_photo(picture, "The picture"))
        with self.alone:
            return explain(self.pipeline, person, pose, image, points(marks))

    def animation(self, photo, source_pose, target_pose, names, files, frames, fps, sampler, steps, guidance, seed):
        """Yields (progress, GIF, files) after each step; GIF and files at the end."""
        seed, frames = whole("Seed", seed, 0, LARGEST_SEED), whole("Frames", frames, 2, MOST_FRAMES)
        sampling, fps = self._sampling(sampler, steps, guidance, frames), number("Frames a second", fps, 1, MOST_FPS)
        person = self._person(photo, source_pose)
        poses = frames_between(self._key_poses(target_pose, names or [], files or [], person.photo), frames)
        drawn = []
        for pose in poses:
            for step in self._steps(person, pose, sampling, seed):
                share = (len(drawn) + step.number / step.count) / frames
                yield progress(share, f"Frame {len(drawn) + 1} of {frames}"), SAME, SAME
            picture = step.x_t[0]  # pyright: ignore[reportPossiblyUnboundVariable] (there are steps)
            drawn.append(self.pipeline.shown(picture, pose.size))
            yield progress(len(drawn) / frames, f"Frame {len(drawn)} of {frames}", drawn[-1]), SAME, SAME
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"animation_{seed}{ending}" for ending in (".gif", ".mp4")]
            for path in paths:
                write_film(path, drawn, fps)
            yield progress(1, f"Done: {frames} frames"), str(paths[0]), list(map(str, paths))

    def detect(self, photo):
        """The pose found in a photo, for the editor."""
        image, detector = read_photo(photo, "The photo"), self._detector
        try:
            pose = detector(image, "The photo")
        except InputError as error:
            raise InputError(without_folder(str(error), detector.path)) from error
        check_pose(pose, "The photo")
        return to_value(pose)

    @functools.cached_property
    def _detector(self):
        return pose_detector("Detect")

    def _steps(self, person, pose, sampling, seed):
        steps = self.pipeline.steps(person, pose, sampling, [seeded(seed)])
        while True:
            with self.alone:
                step = next(steps, None)
            if step is None:
                return
            yield step

    def _sampling(self, sampler, steps, guidance, count):
        return dataclasses.replace(
            self.pipeline.sampling,
            sampler=sampler,
            steps=whole("Steps", steps, 1, min(1000, MOST_STEPS // count)),
            guidance=number("Guidance", guidance, 0, 20),
        )

    def _person(self, photo, source_pose):
        image = read_photo(photo, "The photo")
        if source_pose is None:
            raise InputError("The photo's pose: not there yet; load it from a file, or place the joints by hand")
        pose = pose_in(source_pose, "The photo's pose")
        with self.alone:
            return self.pipeline.person(image, pose)

    def _key_poses(self, target_pose, names, files, photo):
        """Poses to pass through: those chosen by name, then those of files, in the order of their names."""
        count = len(names) + len(files)
        if not 2 <= count <= MOST_FRAMES:
            raise InputError(f"Poses: expected from 2 to {MOST_FRAMES} to pass through, got {count}")
        poses = [pose_in(target_pose, "The target pose") if name == EDITOR else gallery_pose(name) for name in names]
        return poses + [pose_file(file, photo.size[::-1]) for file in sorted(files, key=lambda file: Path(file).name)]


def write_film(path, frames, fps):
    """Write frames as `app.film.write_frames` does. Raises InputError by the file's name alone."""
    try:
        write_frames(path, frames, fps)
    except InputError as error:
        raise InputError(without_folder(str(error), path)) from error


def under(photo):
    """A photo as a data URL, for an editor to show below its skeleton."""
    image = read_photo(photo, "The photo")
    image.thumbnail((PREVIEW * 2, PREVIEW * 2))
    return data_url(image, "JPEG")


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
