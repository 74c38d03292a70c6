"""The web page: what it shows, and which of app.work's functions answers what."""

import contextlib
import functools
import html
import inspect
import os
import tempfile
from pathlib import Path

import gradio as gr

from app.components import Photo
from app.skeleton_editor import SkeletonEditor, to_value
from app.values import pose_file, size_of, standing_in
from app.work import EDITOR, MOST_PICTURES, Work, under
from config.checks import SAMPLERS
from data.detect_pose import can_detect
from data.pose_gallery import gallery_names, gallery_pose
from system.errors import InputError

WAITING = 16  # Drawings that may wait; who comes after that is told to come again.
UPLOAD = "20mb"  # The largest file.
KEPT = 3600  # Seconds before pictures that were shown are deleted.
EXAMPLE = Path(__file__).parents[1] / "docs/gallery/person"  # A photo and its pose.
SAVABLE: list = ["fullscreen", "download"]  # Of gradio's buttons on a picture; "share" would send it away.
POSE_FILES = [".json", ".txt", ".csv"]
FIRST = "hands-on-hips"  # The target pose at first.
# System fonts: the page loads nothing from elsewhere.
THEME = gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
CSS = Path(__file__).with_name("assets") / "page.css"
PRIVATE: dict = {"api_visibility": "private"}  # No part of the API.
QUIET: dict = {**PRIVATE, "show_progress": "hidden"}  # Nothing moves over an editor while it waits.
IN_TURN: dict = {**QUIET, "concurrency_id": "source", "concurrency_limit": 1}  # A late answer would undo a later one.
DRAWING: dict = {"concurrency_id": "drawing", "concurrency_limit": 1}  # One at a time, of all that the networks do.
ABOUT = "# Pose transfer\nThe person of a photo, in the same clothes, in a pose. No photo at hand? *Example* gives one."


def build(pipeline, checkpoint):
    """The page for a pipeline, as gradio Blocks with a queue. checkpoint: its name, to be shown."""
    work = Work(pipeline)
    with gr.Blocks(title="Pose transfer", analytics_enabled=False, delete_cache=(KEPT, KEPT)) as page:
        gr.Markdown(f"{ABOUT} Weights: `{checkpoint}`.")
        drawn = gr.State(None)  # Photo and poses of the pictures that are shown, for the Flow tab.
        chosen = gr.State(None)  # Which of them; None: the last one, which shows until another is chosen.
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                photo, source_pose = _source(work)
            with gr.Column(scale=2, min_width=300):
                target_pose = _target(photo)
            with gr.Column(scale=3, min_width=300):
                settings = _settings(pipeline.sampling)
                given = [photo, source_pose, target_pose]
                with gr.Tab("Picture"):
                    pictures = _picture_tab(work, given, settings, drawn, chosen)
                with gr.Tab("Flow"):
                    _flow_tab(work, pictures, drawn, chosen)
                with gr.Tab("Animate"):
                    _animate_tab(work, given, settings)
    return page.queue(max_size=WAITING, default_concurrency_limit=1)


@contextlib.contextmanager
def folder_of_its_own():
    """A `with` block around a page, whose photos and pictures are in a folder of their own, and go with it.

    Two pages in one folder would delete each other's.
    """
    with tempfile.TemporaryDirectory(prefix="pose_transfer_") as folder:
        before = os.environ.get("GRADIO_TEMP_DIR")
        os.environ["GRADIO_TEMP_DIR"] = folder
        try:
            yield
        finally:
            os.environ.pop("GRADIO_TEMP_DIR")
            if before is not None:
                os.environ["GRADIO_TEMP_DIR"] = before


def serve(page, host, port, wait=True):
    """Answer on an address, until Ctrl-C or without waiting for it. Raises InputError where that cannot be had."""
    try:
        page.launch(
            server_name=host, server_port=port, prevent_thread_lock=not wait, max_file_size=UPLOAD, theme=THEME,
            css_paths=CSS, allowed_paths=[str(EXAMPLE.parent)], footer_links=[], quiet=True, share=False,
            ssr_mode=False, mcp_server=False,
        )  # fmt: skip
    except OSError as error:
        raise InputError(f"--port {port}: in use, or not to be had on {host}") from error


def _source(work):
    """The photo and its pose."""
    gr.Markdown("### 1. The photo")
    photo = Photo(label="Photo", sources=["upload", "clipboard"], height=200, elem_id="photo")
    editor = SkeletonEditor("The photo's pose", elem_id="source-pose")
    with gr.Row():
        load = gr.UploadButton("Load pose file", file_types=POSE_FILES, size="sm", min_width=100, elem_id="load-source")
        place = gr.Button("Place by hand", size="sm", min_width=100, elem_id="place")
        find = gr.Button("Detect", size="sm", min_width=100, elem_id="detect", visible=can_detect())
        example = gr.Button("Example", size="sm", min_width=100, elem_id="example")
    photo.upload(told(_fresh_photo), photo, editor, **IN_TURN)
    photo.clear(lambda: gr.update(value=None, photo=""), None, editor, **IN_TURN)
    example.click(_example, None, [photo, editor], **IN_TURN)
    load.upload(told(_loaded), [load, photo], editor, **IN_TURN)
    place.click(told(standing_in), photo, editor, **IN_TURN)
    find.click(told(work.detect), photo, editor, **IN_TURN)
    return photo, editor


def _target(photo):
    """The target pose."""
    gr.Markdown("### 2. The pose")
    choice = gr.Dropdown(gallery_names(), value=FIRST, label="Begin with", elem_id="gallery")
    editor = SkeletonEditor("The target pose", elem_id="target-pose", value=to_value(gallery_pose(FIRST)))
    load = gr.UploadButton("Load pose file", file_types=POSE_FILES, size="sm", elem_id="load-target")
    choice.input(lambda name: to_value(gallery_pose(name)), choice, editor, trigger_mode="always_last", **QUIET)
    load.upload(told(_loaded), [load, photo], editor, **QUIET)
    return editor


def _settings(sampling):
    """How pictures are drawn: sampler, steps, guidance, seed."""
    gr.Markdown("### 3. The picture")
    with gr.Row():
        sampler = gr.Dropdown(list(SAMPLERS), value=sampling.sampler, label="Sampler", min_width=120, elem_id="sampler")
        steps = gr.Number(sampling.steps, label="Steps", min_width=120, elem_id="steps")
        guidance = gr.Number(sampling.guidance, label="Guidance", step=0.5, min_width=120)
        seed = gr.Number(0, label="Seed", min_width=120, elem_id="seed")
    return [sampler, steps, guidance, seed]


def _picture_tab(work, inputs, settings, drawn, chosen):
    count = gr.Number(1, label=f"How many pictures, 1 to {MOST_PICTURES}", elem_id="count")
    with gr.Row():
        draw = gr.Button("Draw", variant="primary", elem_id="draw")
        stop = gr.Button("Stop", elem_id="stop")
    progress = gr.HTML(elem_id="progress", elem_classes="progress")
    pictures = gr.Gallery(
        label="Pictures", type="filepath", format="png", height=420, object_fit="contain", interactive=False,
        buttons=SAVABLE, elem_id="pictures",
    )  # fmt: skip
    draw.click(lambda: None, None, chosen, **QUIET)
    drawing = draw.click(
        told(work.pictures),
        [*inputs, *settings, count],
        [progress, pictures, drawn],
        api_name="transfer",
        show_progress="minimal",
        trigger_mode="multiple",  # A click counts even while a stopped drawing ends its step.
        **DRAWING,
    )
    stop.click(lambda: "<p role='status'>Stopped.</p>", None, progress, cancels=drawing, **PRIVATE)
    return pictures


def _flow_tab(work, pictures, drawn, chosen):
    gr.Markdown(
        "Where the chosen picture came from in the photo. Points to mark are in pixels of the target pose's frame; "
        "without any, some joints are marked."
    )
    points = gr.Textbox(label="Points", placeholder="30,80 60,120 90,200", elem_id="points")
    explain = gr.Button("Explain", variant="primary", elem_id="explain")
    flow = gr.Image(label="Flow", format="png", interactive=False, show_label=False, buttons=SAVABLE, elem_id="flow")
    answer = told(functools.partial(_explained, work))
    pictures.select(_chosen, None, chosen, **QUIET)
    explain.click(answer, [drawn, pictures, chosen, points], flow, **PRIVATE, **DRAWING)


def _animate_tab(work, inputs, settings):
    names = gr.Dropdown(
        [EDITOR, *gallery_names()], value=["standing", EDITOR], multiselect=True, label="Poses, in turn",
        elem_id="poses",
    )  # fmt: skip
    with gr.Accordion("More poses, from files", open=False):
        files = gr.File(label="In the order of their names", file_count="multiple", file_types=POSE_FILES, height=120)
    with gr.Row():
        frames = gr.Number(24, label="Frames", min_width=120, elem_id="frames")
        fps = gr.Number(12, label="Frames a second", min_width=120)
    with gr.Row():
        animate = gr.Button("Animate", variant="primary", elem_id="animate")
        stop = gr.Button("Stop")
    progress = gr.HTML(elem_id="animate-progress", elem_classes="progress")
    film = gr.Image(label="Animation", format="gif", interactive=False, height=380, buttons=SAVABLE, elem_id="film")
    saved = gr.File(label="GIF and MP4", file_count="multiple", interactive=False, elem_id="film-files")
    drawing = animate.click(
        told(work.animation),
        [*inputs, names, files, frames, fps, *settings],
        [progress, film, saved],
        api_name="animate",
        show_progress="minimal",
        trigger_mode="multiple",  # A click counts even while a stopped drawing ends its step.
        **DRAWING,
    )
    stop.click(lambda: "<p role='status'>Stopped.</p>", None, progress, cancels=drawing, **PRIVATE)


def _fresh_photo(path):
    """A new photo under the editor; what joints it had were another photo's."""
    return gr.update(value=None, photo=under(path) if path else "")


def _example():
    """A drawn person for whoever has no photo and pose at hand."""
    photo = str(EXAMPLE.with_suffix(".jpg"))
    return photo, gr.update(value=to_value(pose_file(EXAMPLE.with_suffix(".json"), None)), photo=under(photo))


def _loaded(path, photo):
    """The pose of a file for an editor; where the file tells no size, it is of the photo's."""
    return to_value(pose_file(path, size_of(photo) if photo else None))


def _chosen(event: gr.SelectData):
    return event.index


def _explained(work, drawn, pictures, chosen, points):
    if not (drawn and pictures):
        raise InputError("Flow: expected a picture to explain; draw one first")
    picture, _ = pictures[chosen if chosen is not None and chosen < len(pictures) else -1]
    return work.explanation(*drawn, picture, points)


def told(answer):
    """The handler `answer`, with its InputErrors as sentences that the page shows until they are closed."""
    if inspect.isgeneratorfunction(answer):

        @functools.wraps(answer)
        def generator(*inputs):
            with _sentences():
                yield from answer(*inputs)

        return generator

    @functools.wraps(answer)
    def function(*inputs):
        with _sentences():
            return answer(*inputs)

    return function


@contextlib.contextmanager
def _sentences():
    try:
        yield
    except InputError as error:
        raise gr.Error(html.escape(str(error), quote=False), duration=None, print_exception=False) from error
