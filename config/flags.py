"""Types of command line flags. What does not fit ends the program with a sentence that begins with the flag."""

import math
import re

from config.errors import InputError


def whole(flag, least, most=None):
    """An argparse type: a whole number from `least` to `most` (None: without end)."""

    def parse(text):
        if not re.fullmatch(r"-?\d+", text) or int(text) < least or (most is not None and int(text) > most):
            span = f"{least} or more" if most is None else f"from {least} to {most}"
            raise InputError(f"{flag}: expected a whole number, {span}, got {text!r}")
        return int(text)

    return parse


def number(flag, least):
    """An argparse type: a number of at least `least`, and finite."""

    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value < math.inf:
            raise InputError(f"{flag}: expected a number, {least} or more, got {text!r}")
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
