"""The page, the grid, curves, kernels and benchmarks."""

from torch.utils.tensorboard import SummaryWriter

from tests.messages.runner import table

GRID = "python scripts/grid.py --checkpoint tiny --data root --generated ours --out grid.png"
PLOT = "python scripts/plot_run.py --run other --out curve.png"
PAGE = "python -m app --checkpoint tiny"
UNKNOWN = "not known; --help lists the flags"
WHOLE = "expected a whole number,"
NO_CURVES = "expected the TensorBoard files of a training run, found no curves of one there"

PAGES = table(
    PAGE,
    ("a port of letters", "--port http", f"--port: {WHOLE} from 1 to 65535, got 'http'"),
    ("no port", "--port 0", f"--port: {WHOLE} from 1 to 65535, got '0'"),
    ("a large port", "--port 65536", f"--port: {WHOLE} from 1 to 65535, got '65536'"),
    ("an address of others", "--host 192.0.2.1 --port 7999", "--port 7999: in use, or not to be had on 192.0.2.1"),
    ("an unknown flag", "--share", f"--share: {UNKNOWN}"),
)
GRIDS = table(
    GRID,
    ("no rows", "--pairs 0", f"--pairs: {WHOLE} 1 or more, got '0'"),
    ("high rows", "--height 5000", f"--height: {WHOLE} from 1 to 4096, got '5000'"),
    ("no such results", "--generated nowhere",
     "nowhere/fashionb2_2_fashionb1_vis.png: expected an image, got no such file"),
    ("within a file", "--out text.jpg/a.png", "text.jpg/a.png: could not be written (Not a directory)"),
    ("a folder", "--out empty", "empty: could not be written (Is a directory)"),
    ("an unknown flag", "--rows 3", f"--rows 3: {UNKNOWN}"),
) + table(
    "python scripts/grid.py",
    ("nothing", "", "--checkpoint, --data, --generated, --out: required, and not given"),
)  # fmt: skip
CURVES = table(
    PLOT,
    ("no run", "--run nowhere", f"nowhere/tensorboard: {NO_CURVES}"),
    ("other curves", "--run curved", f"curved/tensorboard: {NO_CURVES}"),
    ("no curves", "", f"other/tensorboard: {NO_CURVES}"),
    ("within a file", "--run drawn-curves --out text.jpg/a.png",
     "text.jpg/a.png: could not be written (Not a directory)"),
    ("an unknown flag", "--log", f"--log: {UNKNOWN}"),
)  # fmt: skip
KERNELS = [
    *table("python -m flow_ops.build", ("an unknown flag", "--force", f"--force: {UNKNOWN}")),
    *table("python -m flow_ops.check", ("an unknown flag", "--all", f"--all: {UNKNOWN}")),
]
BENCHMARKS = table(
    "python",
    ("one seed", "benchmarks/ablation.py --out new --seeds 1", f"--seeds: {WHOLE} 2 or more, got '1'"),
    ("an unknown variant", "benchmarks/ablation.py --out new --variants x",
     "--variants: expected one of 'whole', 'no self-calibration', 'no flow', 'no MSFF', got 'x'"),
    ("few steps", "benchmarks/curve.py --out new --steps 9", f"--steps: {WHOLE} 10 or more, got '9'"),
    ("an unknown key", "benchmarks/curve.py --out new training.stps=9",
     "training.stps: unknown key in the command line; the nearest one is training.steps"),
    ("no configuration", "benchmarks/curve.py --out new --config none.yaml",
     "none.yaml: expected a configuration file, got no such file"),
    ("a batch of letters", "benchmarks/flow_ops.py --batches 1,x",
     "--batches: expected whole numbers such as 1,8,32, got '1,x'"),
    ("an unknown type", "benchmarks/flow_ops.py --dtype int8",
     "--dtype: expected one of 'float32', 'float16', 'bfloat16', got 'int8'"),
    ("an unknown flag", "benchmarks/loading.py --fast", f"--fast: {UNKNOWN}"),
    ("no data", "benchmarks/overfit.py --data nowhere --out new",
     "nowhere: expected a folder that holds img/, pose/, train_pairs.txt and test_pairs.txt"),
    ("no data", "benchmarks/protocols.py --data nowhere --out new",
     "nowhere: expected a folder that holds img/, pose/, train_pairs.txt and test_pairs.txt"),
    ("no pictures", "benchmarks/sampling.py --pictures 0", f"--pictures: {WHOLE} 1 or more, got '0'"),
    ("an unknown precision", "benchmarks/sampling.py --precision int8",
     "--precision: expected one of 'no', 'tf32', 'bf16', 'fp16', got 'int8'"),
    ("no folder", "benchmarks/saving.py", "--out: required, and not given"),
    ("an unknown key", "benchmarks/saving.py --out new training.stps=9",
     "training.stps: unknown key in the command line; the nearest one is training.steps"),
    ("a small size", "benchmarks/scaling.py --sizes 32", f"--sizes: {WHOLE} from 64 to 1024, got '32'"),
    ("many processes", "benchmarks/scaling.py --processes 65", f"--processes: {WHOLE} from 1 to 64, got '65'"),
    ("another folder", "benchmarks/scoring.py --out ours",
     "--out ours: holds other things; expected a new folder, or one of this program's"),
    ("few pairs", "benchmarks/scoring.py --out new --pairs 7", f"--pairs: {WHOLE} 8 or more, got '7'"),
    ("few calls", "benchmarks/solvers.py --checkpoint tiny --data root --calls 4",
     f"--calls: {WHOLE} from 5 to 50, got '4'"),
    ("no data", "benchmarks/solvers.py --checkpoint tiny --data nowhere",
     "nowhere: expected a folder that holds img/, pose/, train_pairs.txt and test_pairs.txt"),
    ("a small size", "benchmarks/training.py --size 32x32",
     "--size: expected HEIGHTxWIDTH in pixels from 64, such as 256x176, got '32x32'"),
)  # fmt: skip
ROWS = PAGES + GRIDS + CURVES + KERNELS + BENCHMARKS


def write_inputs(here):
    """The folders of runs with curves."""
    for name, tag in (("curved", "unknown"), ("drawn-curves", "mse")):
        with SummaryWriter(here / name / "tensorboard") as writer:
            writer.add_scalar(tag, 1, 1)
