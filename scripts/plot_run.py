"""Draw the curves of a training run, from its TensorBoard files: python scripts/plot_run.py --run RUN --out curve.png

Faint: each report, the mean over `training.log_every` steps. Strong: a running mean over a twentieth of the run.
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.flags import Parser
from system.errors import InputError, command
from system.files import write_whole
from training.report import TENSORBOARD_FOLDER

matplotlib.use("Agg")  # Needs no screen.

from matplotlib import pyplot
from matplotlib.ticker import LogLocator

LOG, LINEAR = "log", "linear"
PANELS = (  # Title, scale, tag of each curve -> its name.
    ("Error of the predicted noise", LOG, {"mse": ""}),
    (
        "The same, by quarter of the times t",
        LOG,
        {
            "mse_t000_249": "t < 250",
            "mse_t250_499": "t < 500",
            "mse_t500_749": "t < 750",
            "mse_t750_999": "t < 1000",
        },
    ),
    ("Sampling correctness of the flow", LINEAR, {"correctness": ""}),
    ("Learning rate", LINEAR, {"learning_rate": ""}),
)
SMOOTHED = 20  # Running means go over one in so many reports.


@command
def main(arguments=None):
    """Parse the command line and write the picture."""
    parser = Parser(__doc__)
    parser.add_argument("--run", required=True, help="a run folder, such as runs/demo_64")
    parser.add_argument("--out", required=True, help="PNG file to write")
    args = parser.parse_args(arguments)
    folder = Path(args.run) / TENSORBOARD_FOLDER
    curves = scalars(folder)
    if not curves:
        raise InputError(f"{folder}: expected the TensorBoard files of a training run, found no curves of one there")
    write(curves, args.out)
    print(f"Wrote {args.out}.")


def scalars(folder):
    """Tag -> (steps, values), arrays, of the PANELS' curves in the TensorBoard files of a folder; empty for none."""
    if not folder.is_dir():
        return {}
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    there, found = events.Tags()["scalars"], {}
    for tag in (tag for *_, tags in PANELS for tag in tags if tag in there):
        found[tag] = np.array([(event.step, event.value) for event in events.Scalars(tag)]).T
    return found


def write(curves, path):
    """Write the PNG file of some scalars."""
    figure = draw(curves)
    write_whole(Path(path), lambda file: figure.savefig(file, format="png", dpi=110))
    pyplot.close(figure)


def draw(curves):
    """A figure of the PANELS that there are curves for."""
    panels = [panel for panel in PANELS if curves.keys() & panel[2].keys()]
    figure, axes = pyplot.subplots(2, 2, figsize=(10, 6), layout="constrained")
    for axis, (title, scale, tags) in zip(axes.flat, panels, strict=False):
        for tag in (tag for tag in tags if tag in curves):
            steps, values = curves[tag]
            (line,) = axis.plot(steps, values, alpha=0.25, linewidth=1)
            axis.plot(*running_mean(steps, values), color=line.get_color(), linewidth=1.8, label=tags[tag])
        axis.set_title(title, fontsize=11)
        axis.set_xlabel("step", fontsize=9)
        axis.grid(alpha=0.3)
        axis.set_yscale(scale)
        if scale == LOG:
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_formatter("")
        if len(tags) > 1:
            axis.legend(fontsize=8)
    for axis in list(axes.flat)[len(panels) :]:
        axis.set_visible(False)
    return figure


def running_mean(steps, values):
    """Steps and the mean of values around each, over a window that is smaller at the ends."""
    half = len(values) // SMOOTHED // 2
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first = np.clip(np.arange(len(values)) - half, 0, None)
    last = np.clip(np.arange(len(values)) + half + 1, None, len(values))
    return steps, (sums[last] - sums[first]) / (last - first)


if __name__ == "__main__":
    main()
