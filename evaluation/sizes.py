"""The size at which pictures are scored, and what there is to say of the files that are brought to it."""

import dataclasses
from collections import Counter
from typing import NamedTuple

from PIL import Image

from data.images import DAMAGE, FORMATS
from evaluation.results import are_crops
from evaluation.wording import counted, sides
from system.errors import InputError


def scoring_size(methods, protocol):
    """The (H, W) of a protocol for {method: Results}, and {method: notes}, sentences about the generated files.

    Where the protocol leaves the size to the generated pictures, all must agree on one. Raises InputError where they
    do not, and for a file that is no image.
    """
    headers = {method: [_header(result.generated) for result in results] for method, results in methods.items()}
    size = protocol.pictures.size or _common_size(methods, headers, protocol)
    return size, {method: _notes(methods[method], own, size, protocol) for method, own in headers.items()}


def as_drawn(methods, protocol, notes):
    """The protocol with photos cropped as those that the pictures show, where these say so; the notes gain a word.

    Raises InputError where the protocol cannot score such pictures, or not beside the others.
    """
    firsts = [results[0].generated for results in methods.values()]
    crops = [first for first in firsts if are_crops(first.parent)]
    if not crops:
        return protocol
    if protocol.masked:
        raise InputError(f"{crops[0].parent}: shows cropped photos, which protocol {protocol.name} does not score")
    shape = _header(crops[0]).size
    for first in firsts:
        if first not in crops or _header(first).size != shape:
            raise InputError(
                f"{first.parent}: does not show photos cropped to {sides(shape)}, as {crops[0].parent} does; "
                "these cannot be compared"
            )
    for own in notes.values():
        own.append(f"photos cropped to the shape of {sides(shape)}, as those that the pictures show (data.resize=crop)")
    return dataclasses.replace(protocol, crop=shape)


def check_window(size, protocol, path):
    """Raise InputError, beginning with `path`, where a window of the protocol's SSIM does not fit into `size`."""
    side = max(window_side(variant) for variant in protocol.ssim)
    if min(size) < side:
        raise InputError(f"{path}: SSIM of protocol {protocol.name} needs {side} pixels a side, got {sides(size)}")


def window_side(variant):
    """Side of an SSIM variant's window in pixels. scikit-image cuts a Gaussian off at 3.5 sigma."""
    return variant.window or 2 * int(3.5 * variant.sigma + 0.5) + 1


def _common_size(methods, headers, protocol):
    counts = Counter(header.size for own in headers.values() for header in own)
    (size, count), *_ = counts.most_common()
    for method, results in methods.items():
        for result, header in zip(results, headers[method], strict=True):
            if header.size != size:
                raise InputError(
                    f"{result.generated}: is {sides(header.size)} (height x width), {count:,} of "
                    f"{counted(counts.total(), 'picture')} are {sides(size)}; "
                    f"protocol {protocol.name} scores pictures of one size"
                )
    return size


def _notes(results, headers, size, protocol):
    how = f"{protocol.pictures.library}, {protocol.pictures.kernel}"
    firsts, counts = {}, Counter()
    for result, header in zip(results, headers, strict=True):
        if header.size != size:
            firsts.setdefault(header.size, result.generated.name)
            counts[header.size] += 1
    notes = [
        f"{counted(count, 'generated picture')} of {sides(other)} resized to {sides(size)} ({how})"
        + ("" if count == len(headers) else f", such as {firsts[other]}")
        for other, count in counts.items()
    ]
    if jpegs := sum(header.kind == "JPEG" for header in headers):
        notes.append(f"{jpegs:,} of {len(headers):,} results are JPEG files: compression changes scores; publish PNG")
    if others := Counter(header.mode for header in headers if header.mode != "RGB"):
        modes = ", ".join(f"{count:,} of mode {mode}" for mode, count in others.items())
        notes.append(f"results that are not 8-bit RGB were made so: {modes}")
    return notes


class _Header(NamedTuple):
    """What an image file says of itself."""

    size: tuple[int, int]  # Height, width.
    kind: str | None  # Such as PNG.
    mode: str  # Pillow's, such as RGB.


def _header(path):
    try:
        with Image.open(path, formats=FORMATS) as image:
            return _Header((image.height, image.width), image.format, image.mode)
    except DAMAGE as error:
        raise InputError(f"{path}: expected a whole image, got one that cannot be read ({error})") from error
