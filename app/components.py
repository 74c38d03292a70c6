"""gradio's components, less what does not fit here."""

from abc import ABCMeta

import gradio as gr
from gradio.component_meta import updateable


class Unstubbed(type(gr.HTML)):
    """Makes component classes as gradio does, less the .pyi file that it writes beside their source."""

    def __new__(cls, name, bases, attributes):
        if "__init__" in attributes:
            attributes["__init__"] = updateable(attributes["__init__"])
        return ABCMeta.__new__(cls, name, bases, attributes)


class Photo(gr.Image, metaclass=Unstubbed):
    """An image whose file reaches handlers unread: gradio's own way raises what no person understands."""

    is_template = True  # In the browser it is gradio's.

    def preprocess(self, payload):
        """The path of the uploaded file, or None."""
        return payload.path if payload else None
