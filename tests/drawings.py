"""What tests ask of the drawings in docs/: their boxes, arrows and texts."""

import re
from typing import NamedTuple
from xml.etree import ElementTree

from tests.repository import ROOT

SVG = "{http://www.w3.org/2000/svg}"


class Box(NamedTuple):
    """A rectangle of a drawing."""

    name: str  # Of its group.
    left: float
    top: float
    right: float
    bottom: float

    def touches(self, x, y):
        """Whether a point is on its edge."""
        across, down = self.left <= x <= self.right, self.top <= y <= self.bottom
        return (across and y in (self.top, self.bottom)) or (down and x in (self.left, self.right))


def drawing(name):
    """The root of docs/NAME.svg."""
    return ElementTree.parse(ROOT / "docs" / f"{name}.svg").getroot()


def texts(element):
    """(whether it is a name of the code, the text) of each text in it."""
    for text in element.iter(f"{SVG}text"):
        parts = [text, *text.iter(f"{SVG}tspan")]
        yield from (("name" in part.get("class", ""), "".join(part.itertext())) for part in parts)


def name_of(group):
    """The first name in a group, or ""."""
    return next((text for is_name, text in texts(group) if is_name), "")


def boxes(svg):
    """Each Box of its groups."""
    for group in svg.iter(f"{SVG}g"):
        for rect in group.iter(f"{SVG}rect"):
            left, top, width, height = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
            yield Box(name_of(group), left, top, left + width, top + height)


def arrows(svg):
    """(first, last) point of each."""
    for path in svg.iter(f"{SVG}path"):
        if path.get("class") in ("arrow", "told"):
            points = list(_points(path.get("d")))
            yield points[0], points[-1]


def _points(path):
    x = y = 0
    for command, text in re.findall(r"([MHV]) ([\d. ]+)", path):
        first, *second = map(float, text.split())
        x, y = {"M": (first, *second), "H": (first, y), "V": (x, first)}[command]
        yield x, y
