"""How the page's components call Python: settings of gradio's events, and what becomes of an InputError."""

import contextlib
import functools
import html
import inspect

import gradio as gr

from system.errors import InputError

SAVABLE: list = ["fullscreen", "download"]  # Of gradio's buttons on a picture; "share" would send it away.
PRIVATE: dict = {"api_visibility": "private"}  # No part of the API.
QUIET: dict = {**PRIVATE, "show_progress": "hidden"}  # Nothing moves over an editor while it waits.
DRAWING: dict = {"concurrency_id": "drawing", "concurrency_limit": 1}  # One at a time, of all that the networks do.
POSE_FILES = [".json", ".txt", ".csv"]


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
