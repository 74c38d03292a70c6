"""Pictures in a row: as an animated GIF, as a film, side by side."""

from pathlib import Path

import imageio_ffmpeg
from PIL import Image

from config.errors import InputError
from data.files import write_whole


def write_frames(path, frames, fps):
    """Write RGB images of one size as the ending of `path` says: .gif and .mp4 move, .png has them side by side.

    Raises InputError, beginning with the path, for another ending and where writing fails.
    """
    write = WRITERS.get(Path(path).suffix.lower())
    if write is None:
        raise InputError(f"{path}: expected a name that ends in {', '.join(WRITERS)}")
    write_whole(path, lambda file: write(file, frames, fps))


def strip(pictures, gap=2):
    """RGB images of one size, side by side on white."""
    width, height = pictures[0].size
    sheet = Image.new("RGB", (len(pictures) * (width + gap) - gap, height), "white")
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (place * (width + gap), 0))
    return sheet


def _write_gif(file, frames, fps):
    # One palette for all, else still parts flicker.
    palette = strip(frames, gap=0).quantize(method=Image.Quantize.MEDIANCUT)
    first, *rest = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    first.save(file, format="GIF", save_all=True, append_images=rest, duration=round(1000 / fps), loop=0)


def _write_mp4(file, frames, fps):
    even = "pad=ceil(iw/2)*2:ceil(ih/2)*2"  # As H.264's 4:2:0 wants its sides.
    options = ["-vf", even, "-crf", "16", "-movflags", "+faststart"]
    writer = imageio_ffmpeg.write_frames(
        file.name, frames[0].size, fps=fps, codec="libx264", output_params=options, macro_block_size=1
    )
    writer.send(None)
    for frame in frames:
        writer.send(frame.tobytes())
    writer.close()


def _write_png(file, frames, _fps):
    strip(frames).save(file, format="PNG")


WRITERS = {".gif": _write_gif, ".mp4": _write_mp4, ".png": _write_png}
