"""Pictures in a row: as an animated GIF, as a film, side by side."""

import contextlib
import itertools
import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg
from PIL import Image

from system.errors import InputError
from system.files import write_whole


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
    # One palette for all, else still parts flicker; and whole hundredths of a second, none of which is lost.
    palette = strip([frame.reduce(max(1, frame.height // 128)) for frame in frames], gap=0).quantize(dither=NO_DITHER)
    ends = [round(100 * number / fps) for number in range(len(frames) + 1)]
    durations = [10 * (end - begin) for begin, end in itertools.pairwise(ends)]
    first, *rest = (frame.quantize(palette=palette, dither=NO_DITHER) for frame in frames)
    first.save(file, format="GIF", save_all=True, append_images=rest, duration=durations, loop=0)


def _write_mp4(file, frames, fps):
    size = "{}x{}".format(*frames[0].size)
    even = "pad=ceil(iw/2)*2:ceil(ih/2)*2"  # As H.264's 4:2:0 wants its sides.
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", f"{fps:g}", "-i", "-"]
    film = ["-vf", even, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf", "16", "-movflags", "+faststart"]
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", *source, *film, file.name]
    with tempfile.TemporaryFile() as said:
        encoder = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=said)
        assert encoder.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # It says why it ended.
            for frame in frames:
                encoder.stdin.write(frame.tobytes())
            encoder.stdin.close()
        if encoder.wait():
            said.seek(0)
            raise OSError(said.read().decode(errors="replace").strip().partition("\n")[0] or "ffmpeg failed")


def _write_png(file, frames, _fps):
    strip(frames).save(file, format="PNG")


NO_DITHER = Image.Dither.NONE
WRITERS = {".gif": _write_gif, ".mp4": _write_mp4, ".png": _write_png}
