"""Put a person into another pose: a photo and a pose in, a picture out.

    python -m app.transfer --source photo.jpg --source-pose photo.json --target-pose arms-up --out picture.png

A pose is a keypoint file of any form that data/import_dataset.py takes, or one that comes along, by its name. Several
target poses, a folder of them or a JSON file that lists them make an animation: `--out walk.gif walk.mp4 walk.png`, the
last one with its frames side by side. --frames has as many of them, between the poses.
"""

import sys
from pathlib import Path

from app.film import WRITERS, write_frames
from app.inputs import (
    LARGEST_SEED,
    PICTURE_FORMATS,
    add_checkpoint_flag,
    garment,
    open_pipeline,
    photo_and_pose,
    read_mask,
    target_poses,
    writable_picture,
)
from config.flags import Parser, number, point, whole
from config.sampling_flags import add_sampling_flags, sampling_settings
from data.images import read_rgb
from data.pose_edit import placed
from data.pose_gallery import gallery_names
from diffusion.explanation import check_explainable, explain
from diffusion.samplers import last
from system.errors import InputError, command
from system.files import write_whole
from system.machine import use_machine
from system.progress import progress_bar
from system.seeds import seeded


@command
def main(arguments=None):
    """Parse the command line, check it, draw."""
    args = parse_args(arguments)
    use_machine()
    photo, pose = photo_and_pose(args.source, args.source_pose, "--source-pose", args.person)
    poses = target_poses(args.target_pose, photo.size[::-1], args.frames)
    check(args, poses)
    pipeline = open_pipeline(args.checkpoint)
    pipeline.sampling = sampling_settings(args, pipeline.sampling)
    person = pipeline.person(photo, pose)
    other = garment(pipeline, args.garment, args.garment_pose, args.garment_mask) if args.garment else None
    if args.frames or len(poses) > 1:
        animate(pipeline, args, person, poses, other)
    else:
        draw(pipeline, args, person, poses[0], other)


def parse_args(arguments=None):
    """The command line."""
    parser = Parser(__doc__, prog="python -m app.transfer")
    add = parser.add_argument
    add("--source", required=True, metavar="PHOTO", help="of the person")
    add("--source-pose", metavar="POSE", help="of the photo; without it, it is detected (bash setup.sh --pose)")
    add("--person", type=whole("--person", 0), help="of several in the photo, counted from 0; else the largest")
    add(
        "--target-pose", required=True, nargs="+", metavar="POSE",
        help=f"one, or several for an animation; those that come along: {', '.join(gallery_names())}",
    )  # fmt: skip
    add(
        "--out",
        required=True,
        nargs="+",
        metavar="FILE",
        help=", ".join(dict.fromkeys([*PICTURE_FORMATS, *WRITERS])),
    )
    add_checkpoint_flag(parser)
    add("--seed", type=whole("--seed", 0, LARGEST_SEED), default=0)
    add("--n", type=whole("--n", 1, 64), default=1, help="pictures, of this seed and those after it: OUT_SEED.png")
    add("--height", type=whole("--height", 1, 2048), help="of the pictures, in pixels; else the model's")
    add("--frames", type=whole("--frames", 2, 1000), help="of an animation; else one for each pose")
    add("--fps", type=number("--fps", 0.1, 50), default=12, help="frames a second")
    add("--show-flow", metavar="FILE", help="write a picture that explains where the picture came from")
    add("--flow-points", type=point("--flow-points"), nargs="+", metavar="X,Y", help="to mark in it; else joints")
    add("--edit", metavar="PICTURE", help="what --edit-mask is about; else the source")
    add("--edit-mask", metavar="FILE", help="white: drawn anew; black: kept as it is in --edit")
    add(
        "--garment",
        metavar="PHOTO",
        help="of another person, whose looks are taken over; with --frames and one pose by and by",
    )
    add("--garment-pose", metavar="POSE", help="of that photo")
    add("--garment-mask", metavar="FILE", help="white: the clothes in that photo; the rest is not taken over")
    add_sampling_flags(parser)
    return parser.parse_args(arguments)


def check(args, poses):
    """Raise InputError for flags that do not go together, before anything is drawn."""
    moving = args.frames or len(poses) > 1
    for path in args.out:
        if moving and Path(path).suffix.lower() not in WRITERS:
            raise InputError(f"{path}: expected a name that ends in {', '.join(WRITERS)} for an animation")
        if not moving:
            writable_picture(path)
    if args.show_flow:
        writable_picture(args.show_flow)
    if args.show_flow and args.garment:
        raise InputError("--show-flow: explains pictures of one photo, and --garment names another")
    if args.frames and len(poses) == 1 and not args.garment:
        raise InputError("--frames: expected two target poses or more, or --garment, to have something in between")
    for flag, value in (("--n", args.n > 1), ("--show-flow", args.show_flow), ("--edit-mask", args.edit_mask)):
        if moving and value:
            raise InputError(f"{flag}: expected one target pose and no --frames, got an animation")
    if len(args.out) > 1 and not moving:
        raise InputError(f"{args.out[1]}: expected one --out for one pose; --n draws several pictures")
    for flag, value, needed, given in (
        ("--edit", args.edit, "--edit-mask", args.edit_mask),
        ("--garment-pose", args.garment_pose, "--garment", args.garment),
        ("--garment-mask", args.garment_mask, "--garment", args.garment),
        ("--flow-points", args.flow_points, "--show-flow", args.show_flow),
    ):
        if value and not given:
            raise InputError(f"{flag}: needs {needed} too")


def draw(pipeline, args, person, pose, other):
    """Write --n pictures, and what explains the first one."""
    kept = None
    if args.edit_mask:
        reference = read_rgb(args.edit) if args.edit else person.photo
        mask = read_mask(args.edit_mask, reference, args.edit or args.source)
        kept, pose = pipeline.keep(reference, mask), placed(pose, reference.size[::-1])
    if args.show_flow:
        check_explainable(pipeline, pose, args.flow_points)
    generators = [seeded(args.seed + i) for i in range(args.n)]
    steps = pipeline.steps(person, pose, pipeline.sampling, generators, other, kept)
    drawn = last(_with_bar(steps, pipeline.sampling.steps)).x_t
    for i, picture in enumerate(drawn):
        path = writable_picture(args.out[0])
        path = path.with_stem(f"{path.stem}_{args.seed + i}") if args.n > 1 else path
        write_picture(pipeline.shown(picture, pose.size, args.height), path)
    if args.show_flow:
        write_picture(explain(pipeline, person, pose, drawn[:1], args.flow_points), writable_picture(args.show_flow))


def _with_bar(steps, total):
    """The same steps, counted by a progress bar."""
    with progress_bar(total=total, unit="step") as bar:
        for step in steps:
            bar.total = step.count
            bar.update()
            yield step


def animate(pipeline, args, person, poses, other):
    """Write the frames. They share their noise, and the encoded photo."""
    count = args.frames or len(poses)
    frames = []
    print(f"{count} frames, of {pipeline.sampling.steps} steps each", file=sys.stderr)
    for i in progress_bar(range(count), unit="frame"):
        pose = poses[min(i, len(poses) - 1)]
        share = i / (count - 1) if len(poses) == 1 else 1
        mixed = other and other._replace(share=share)
        step = last(pipeline.steps(person, pose, pipeline.sampling, [seeded(args.seed)], mixed))
        frames.append(pipeline.shown(step.x_t[0], pose.size, args.height))
    for path in args.out:
        write_frames(path, frames, args.fps)
        print(f"{path}: {len(frames)} frames")


def write_picture(image, path):
    """Write an RGB image in the format of the path's ending, and say so."""
    options = {"quality": 95} if path.suffix.lower() != ".png" else {}
    write_whole(path, lambda file: image.save(file, format=PICTURE_FORMATS[path.suffix.lower()], **options))
    print(f"{path}: {image.width} x {image.height}")


if __name__ == "__main__":
    main()
