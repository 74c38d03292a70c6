"""A sheet of photos with their skeletons, to see at a glance whether keypoints belong to them."""

import numpy as np
from PIL import Image, ImageDraw

from data.images import read_rgb
from data.keypoint_values import missing
from data.pose import COLOURS, LIMBS

COLUMNS, HEIGHT, WIDTH, GAP = 6, 256, 192, 6


def contact_sheet(photos):
    """One picture of (path, Keypoints) pairs: each photo, and over it what its keypoints say."""
    rows = -(-len(photos) // COLUMNS)
    columns = min(COLUMNS, len(photos))
    sheet = Image.new("RGB", (columns * (WIDTH + GAP) + GAP, rows * (HEIGHT + GAP) + GAP), "white")
    for number, (path, keypoints) in enumerate(photos):
        row, column = divmod(number, COLUMNS)
        picture = with_skeleton(read_rgb(path), keypoints)
        place = GAP + column * (WIDTH + GAP), GAP + row * (HEIGHT + GAP)
        sheet.paste(picture, (place[0] + (WIDTH - picture.width) // 2, place[1] + (HEIGHT - picture.height) // 2))
    return sheet


def with_skeleton(image, keypoints):
    """A photo made to fit, a little paler, with limbs and joints drawn over it."""
    scale = min(WIDTH / image.width, HEIGHT / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    picture = Image.blend(image.resize(size, Image.Resampling.BICUBIC), Image.new("RGB", size, "white"), 0.35)
    draw = ImageDraw.Draw(picture)
    height, width = keypoints.size
    joints = keypoints.joints * np.array([size[0] / width, size[1] / height])
    seen = ~missing(keypoints.joints)
    for (a, b), colour in zip(LIMBS, COLOURS, strict=False):
        if seen[a] and seen[b]:
            draw.line([tuple(joints[a]), tuple(joints[b])], fill=colour, width=3)
    for (x, y), colour in zip(joints[seen], np.array(COLOURS)[seen], strict=True):
        draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=tuple(colour.tolist()), outline="black")
    return picture
