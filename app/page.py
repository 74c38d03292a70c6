"""The web page: what it shows, and which of app.work's functions answers what."""

import contextlib
import os
import socket
import tempfile
from pathlib import Path

import gradio as gr

from app.components import Photo
from app.events import POSE_FILES, QUIET, told
from app.skeleton_editor import SkeletonEditor, to_value
from app.tabs import animate_tab, flow_tab, picture_tab
from app.values import pose_file, size_of, standing_in
from app.work import Work, under
from config.checks import SAMPLERS
from data.detect_pose import can_detect
from data.pose_gallery import gallery_names, gallery_pose
from system.errors import InputError

WAITING = 16  # Drawings that may wait; who comes after that is told to come again.
UPLOAD = "20mb"  # The largest file.
KEPT = 3600  # Seconds before pictures that were shown are deleted.
EXAMPLE = Path(__file__).parents[1] / "docs/gallery/person"  # A photo and its pose.
FIRST = "hands-on-hips"  # The target pose at first.
# System fonts: the page loads nothing from elsewhere.
THEME = gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
CSS = Path(__file__).with_name("assets") / "page.css"
IN_TURN: dict = {**QUIET, "concurrency_id": "source", "concurrency_limit": 1}  # A late answer would undo a later one.
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
                    pictures = picture_tab(work, given, settings, drawn, chosen)
                with gr.Tab("Flow"):
                    flow_tab(work, pictures, drawn, chosen)
                with gr.Tab("Animate"):
                    animate_tab(work, given, settings)
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
        with socket.create_server((host, port)):
            pass  # What launches the page says more of it than one sentence.
        page.launch(
            server_name=host, server_port=port, prevent_thread_lock=True, max_file_size=UPLOAD, theme=THEME,
            css_paths=CSS, allowed_paths=[str(EXAMPLE.parent)], footer_links=[], quiet=True, share=False,
            ssr_mode=False, mcp_server=False,
        )  # fmt: skip
    except OSError as error:
        raise InputError(f"--port {port}: in use, or not to be had on {host}") from error
    if wait:
        print(f"http://{host}:{port}: the page, until Ctrl-C", flush=True)
        page.block_thread()


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
