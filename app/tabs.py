"""The tabs of the page: pictures, the flow behind one, animations.

inputs: the components of photo, its pose and the target pose; settings: those of `app.page._settings`; drawn, chosen:
what the page shows, and which of it.
"""

import functools

import gradio as gr

from app.events import DRAWING, POSE_FILES, PRIVATE, QUIET, SAVABLE, told
from app.work import EDITOR, MOST_PICTURES
from data.pose_gallery import gallery_names
from system.errors import InputError


def picture_tab(work, inputs, settings, drawn, chosen):
    """Draws pictures. Returns the gallery that shows them."""
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


def flow_tab(work, pictures, drawn, chosen):
    """Explains the chosen one of them."""
    gr.Markdown(
        "Where the chosen picture came from in the photo. Points to mark are in pixels of the target pose's frame; "
        "without any, some joints are marked."
    )
    points = gr.Textbox(label="Points", placeholder="30,80 60,120 90,200", elem_id="points")
    explain = gr.Button("Explain", variant="primary", elem_id="explain")
    flow = gr.Image(label="Flow", format="png", interactive=False, show_label=False, buttons=SAVABLE, elem_id="flow")
    answer = told(functools.partial(_explained, work))
    pictures.select(_chosen, None, chosen, **QUIET)
    # A click counts even while another picture is being explained.
    inputs = [drawn, pictures, chosen, points]
    explain.click(answer, inputs, flow, trigger_mode="always_last", **PRIVATE, **DRAWING)


def animate_tab(work, inputs, settings):
    """Draws a film from pose to pose."""
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


def _chosen(event: gr.SelectData):
    return event.index


def _explained(work, drawn, pictures, chosen, points):
    if not (drawn and pictures):
        raise InputError("Flow: expected a picture to explain; draw one first")
    picture, _ = pictures[chosen if chosen is not None and chosen < len(pictures) else -1]
    return work.explanation(*drawn, picture, points)
