"""Pictures that people look at: skeletons, flows as colour, masks, and grids of them."""

import cv2
import numpy as np
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from data.images import to_image
from flow_ops import resize_flow

GAP, HEADING = 8, 30
ASPECT = 176 / 256  # Width over height of DeepFashion's photos, which are squeezed to a square.


def picture_aspect(size, resize):
    """Width over height to show images of `size` (H, W) at; squeezed to a square, they count as DeepFashion's."""
    return ASPECT if resize == "squeeze" and size[0] == size[1] else size[1] / size[0]


def skeleton_picture(pose):
    """The skeleton of a pose map (20, H, W), as RGB."""
    return Image.fromarray((pose[:3] * 255).round().byte().permute(1, 2, 0).cpu().numpy())


def flow_picture(flow, size, full=1 / 4):
    """A flow (2, h, w), drawn at `size` (H, W): hue is direction, white none, full colour a share `full` of H."""
    flow = resize_flow(flow[None].float().cpu(), tuple(size))[0].numpy()
    length, angle = np.hypot(*flow), np.degrees(np.arctan2(flow[1], flow[0])) % 360
    saturation = np.clip(length / (size[0] * full), 0, 1)
    hsv = np.stack([angle, saturation, np.ones_like(angle)], axis=2).astype(np.float32)
    return Image.fromarray((cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255).round().astype(np.uint8))


def mask_picture(mask, size):
    """A mask (1, h, w) in [0, 1], drawn at `size` (H, W): white comes along the flow."""
    mask = F.interpolate(mask[None].float().cpu(), size=tuple(size))[0, 0]
    return Image.fromarray((mask * 255).round().byte().numpy()).convert("RGB")


def pair_pictures(batch, condition, generated):
    """Columns of a grid, title -> pictures, for a batch of pairs, its Condition and generated images (B, 3, H, W)."""
    size = batch["target_image"].shape[2:]
    columns = {
        "source": [to_image(image) for image in batch["source_image"]],
        "skeleton": [skeleton_picture(pose) for pose in batch["target_pose"]],
        "target": [to_image(image) for image in batch["target_image"]],
        "generated": [to_image(image) for image in generated],
    }
    if condition.flows:
        finest = min(condition.flows)
        columns["flow"] = [flow_picture(flow, size) for flow in condition.flows[finest]]
        columns["mask"] = [mask_picture(mask, size) for mask in condition.masks[finest]]
    return columns


def grid_picture(columns, height, aspect=ASPECT):
    """One picture of all columns (title -> pictures), each `height` pixels high and height * aspect wide."""
    width = round(height * aspect)
    rows = len(next(iter(columns.values())))
    size = (len(columns) * (width + GAP) + GAP, HEADING + rows * (height + GAP) + GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=16)
    for column, (title, pictures) in enumerate(columns.items()):
        left = GAP + column * (width + GAP)
        draw.text((left + width / 2, HEADING / 2 + GAP / 2), title, fill="black", font=font, anchor="mm")
        for row, picture in enumerate(pictures):
            resized = picture.resize((width, height), Image.Resampling.BICUBIC)
            sheet.paste(resized, (left, HEADING + GAP + row * (height + GAP)))
    return sheet
