"""One picture that explains another: which places of the photo it came from, and how the networks found them."""

from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from data.keypoint_values import missing
from data.resize import fit, placement, shown, unfit
from diffusion.pictures import flow_picture, mask_picture, skeleton_picture
from flow_ops import resize_flow
from system.errors import InputError

HEIGHT, GAP, TITLE = 320, 12, 26  # Of each panel, between them, and of what stands above each; pixels.
RADIUS = 9  # Of a marked point.
# Of marked points, in turn: told apart by people who confuse colours too (Okabe & Ito).
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#D55E00", "#0072B2", "#F0E442", "#FFFFFF")
JOINTS_SHOWN = (0, 1, 3, 6, 8, 11, 9, 12)  # Nose, neck, elbows, hips, knees: marked where no points are chosen.
FULL_CORRECTION = 1 / 16  # Of the image's height: a correction of full colour.


class View(NamedTuple):
    """A picture's own shape, and how the model's image holds it."""

    frame: tuple[int, int]  # Height and width of the picture.
    size: tuple[int, int]  # Of the model's image.
    mode: str  # One of config.checks.RESIZES.

    def panel(self, image):
        """An image of the model's size as a panel of the picture's shape."""
        return unfit(image, self.frame, self.mode, HEIGHT)

    def photo(self, image):
        """The picture itself as a panel that shows what the model's image does, but finer."""
        fine = -(-HEIGHT // self.size[0])
        return self.panel(fit(image, tuple(side * fine for side in self.size), self.mode))

    def moved(self, points):
        """Points (N, 2), x y in pixels of the picture, as pixels of the model's image."""
        place = placement(self.frame, self.size, self.mode)
        return points * (np.array(place.resized[::-1]) / self.frame[::-1]) - place.offset[::-1]

    def holds(self, places):
        """Which places (N, 2), in pixels of the model's image, are on it: bool (N,)."""
        return ((places >= 0) & (places < self.size[::-1])).all(axis=1)

    def marked(self, panel, points):
        """The panel with numbered points (N, 2), in pixels of the model's image."""
        top, left, bottom, right = shown(self.frame, self.size, self.mode)
        draw, font = ImageDraw.Draw(panel), ImageFont.load_default(size=12)
        for number, (x, y) in enumerate(points):
            across = np.clip((x + 0.5 - left) * panel.width / (right - left), RADIUS, panel.width - RADIUS)
            down = np.clip((y + 0.5 - top) * panel.height / (bottom - top), RADIUS, panel.height - RADIUS)
            draw.circle((across, down), RADIUS, fill=COLOURS[number % len(COLOURS)], outline="black", width=2)
            draw.text((across, down), str(number + 1), fill="black", font=font, anchor="mm")
        return panel


def explain(pipeline, person, target_pose, picture, points=None):
    """The explanation of a generated picture (1, 3, H, W) of a Person in a pose, as an RGB image.

    It has the photo and the picture with the same points marked in both, where they are and where the finest flow
    says that they come from; below, at each stride, finest first, the flow, its mask, and what self-calibration adds to
    it. points: x y in pixels of the target pose's frame; None: some of its joints. Raises InputError as
    `check_explainable` does.
    """
    check_explainable(pipeline, target_pose, points)
    flows = pipeline.flows(person, target_pose, picture)
    source = View(person.photo.size[::-1], pipeline.size, pipeline.resize)
    target = View(target_pose.size, pipeline.size, pipeline.resize)
    places = places_to_mark(target, target_pose, points)
    origins = places + sampled(flows.flows[min(flows.flows)], places, target.size)
    panels = [
        ("the photo: where from", source.marked(source.photo(person.photo), origins)),
        ("the picture: where to", target.marked(pipeline.shown(picture[0], target.frame, HEIGHT), places)),
        ("the target pose", target.panel(skeleton_picture(pipeline.pose_map(target_pose)[0]))),
    ]
    for stride in sorted(flows.flows):
        panels += _stride_panels(flows, stride, target)
    return _sheet(panels, columns=3, caption=_caption(target.size))


def check_explainable(pipeline, target_pose, points=None):
    """Raise InputError for a pipeline without a flow, and for points beside what it draws of the picture."""
    pipeline.need_flow()
    target = View(target_pose.size, pipeline.size, pipeline.resize)
    height, width = target_pose.size
    for x, y in points or ():
        on_picture = 0 <= x < width and 0 <= y < height
        if not (on_picture and target.holds(target.moved(np.array([[x, y]]))).all()):
            raise InputError(f"{x:g},{y:g}: expected a point of the picture, which is {width} wide, {height} high")


def _stride_panels(flows, stride, target):
    flow, mask = flows.flows[stride][0], flows.masks[stride][0]
    panels = [
        (f"flow, stride {stride}", target.panel(flow_picture(flow, target.size))),
        (f"mask, stride {stride}", target.panel(mask_picture(mask, target.size))),
    ]
    if stride not in flows.calibrated:
        return [*panels, ("no self-calibration", Image.new("RGB", panels[0][1].size, "white"))]
    correction = flows.calibrated[stride][0] - flow
    image = target.panel(flow_picture(correction, target.size, FULL_CORRECTION))
    return [*panels, (f"correction, {_mean_length(correction, stride):.1f} px", image)]


def sampled(flow, points, size):
    """A flow (1, 2, h, w) at points (N, 2), x y in pixels of an image of `size`: (N, 2) in these pixels, nearest."""
    flow = resize_flow(flow.float().cpu(), tuple(size))[0].numpy()
    columns, rows = (points.round().astype(int)).clip(0, [size[1] - 1, size[0] - 1]).T
    return flow[:, rows, columns].T


def places_to_mark(view, pose, points=None):
    """Points, or some joints of the pose, in pixels of the model's image, as far as it shows them: (N, 2)."""
    joints = [joint for joint in JOINTS_SHOWN if not missing(pose.joints)[joint]]
    places = view.moved(pose.joints[joints] if points is None else np.array(points, dtype=np.float64))
    return places[view.holds(places)]


def _mean_length(flow, stride):
    return float(torch.linalg.vector_norm(flow.float(), dim=0).mean()) * stride


def _caption(size):
    return (
        "Colour: the direction from here to the place in the photo (red: right, yellow: down, cyan: left, violet: up). "
        f"Full colour: {size[0] / 4:g} of {size[0]} pixels; for self-calibration's corrections, whose mean length is "
        f"given, {size[0] * FULL_CORRECTION:g}. Mask: white comes along the flow, black is the denoiser's own."
    )


def _sheet(panels, columns, caption):
    """Titled panels in rows, with a caption below."""
    width = max(150, *(panel.width for _, panel in panels))
    rows = -(-len(panels) // columns)
    font, small = ImageFont.load_default(size=15), ImageFont.load_default(size=13)
    total = columns * (width + GAP) + GAP
    lines = _wrapped(caption, small, total - 2 * GAP)
    below = rows * (TITLE + HEIGHT + GAP) + GAP
    sheet = Image.new("RGB", (total, below + 18 * len(lines) + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (title, panel) in enumerate(panels):
        row, column = divmod(number, columns)
        left, top = GAP + column * (width + GAP), GAP + row * (TITLE + HEIGHT + GAP)
        draw.text((left + width / 2, top + TITLE / 2), title, fill="black", font=font, anchor="mm")
        sheet.paste(panel, (left + (width - panel.width) // 2, top + TITLE))
    for number, line in enumerate(lines):
        draw.text((GAP, below + 18 * number), line, fill="black", font=small)
    return sheet


def _wrapped(text, font, width):
    """Lines of the text, each up to `width` pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
