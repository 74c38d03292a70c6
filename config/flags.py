"""The command line: a parser, and types of flags. What does not fit is told in a sentence that begins with the flag."""

import argparse
import math
import re

from system.errors import InputError
from system.software import program


class Parser(argparse.ArgumentParser):
    """argparse's, with a docstring as its description, --version, and an InputError for what it cannot use."""

    def __init__(self, description, **options):
        super().__init__(
            description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options
        )
        self.add_argument("--version", action="version", version=program())

    def error(self, message):
        """Raise InputError for argparse's message, so that it begins with the flag."""
        raise InputError(sentence(message))


def sentence(message):
    """What argparse says, beginning with the flag at fault."""
    message = re.sub(r"^argument (?:.*/)?([^:/]+):", r"\1:", message)
    message = re.sub(r"^the following arguments are required: (.*)", r"\1: required, and not given", message)
    message = re.sub(r"^one of the arguments (\S+) (.*) is required", r"\1: required, and not given; or \2", message)
    message = re.sub(r"^unrecognized arguments: (.*)", r"\1: not known; --help lists the flags", message)
    choices = re.fullmatch(r"(.*): invalid choice: (.*) \(choose from (.*)\)", message)
    return f"{choices[1]}: expected one of {choices[3]}, got {choices[2]}" if choices else message


def whole(flag, least, most=None):
    """An argparse type: a whole number from `least` to `most` (None: without end)."""

    def parse(text):
        if not re.fullmatch(r"-?\d+", text) or int(text) < least or (most is not None and int(text) > most):
            span = f"{least} or more" if most is None else f"from {least} to {most}"
            raise InputError(f"{flag}: expected a whole number, {span}, got {text!r}")
        return int(text)

    return parse


def number(flag, least, most=math.inf):
    """An argparse type: a finite number from `least` to `most`."""

    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (least <= value <= most and value < math.inf):
            span = f"{least} or more" if most == math.inf else f"from {least} to {most}"
            raise InputError(f"{flag}: expected a number, {span}, got {text!r}")
        return value

    return parse


def size(flag, least=1):
    """An argparse type: `256x176` -> (256, 176), height and width in pixels, each at least `least`."""

    def parse(text):
        match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
        if not match or min(map(int, match.groups())) < least:
            raise InputError(f"{flag}: expected HEIGHTxWIDTH in pixels from {least}, such as 256x176, got {text!r}")
        return int(match[1]), int(match[2])

    return parse


def point(flag):
    """An argparse type: `30,80` -> (30.0, 80.0), x and y in pixels."""

    def parse(text):
        try:
            x, y = map(float, text.split(","))
        except ValueError:
            x = y = math.nan
        if not (math.isfinite(x) and math.isfinite(y)):
            raise InputError(f"{flag}: expected X,Y in pixels, such as 30,80, got {text!r}")
        return x, y

    return parse
