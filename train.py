"""Train a model, or go on training it.

    python train.py config/demo_64.yaml [training.steps=100 data.workers=0 ..]

The same command resumes from the newest whole checkpoint of `training.output`. `torchrun` starts it on several
processes. SIGTERM and SIGUSR1 let it finish its step, save, and leave with exit code 75.
"""

import sys

from config.flags import Parser
from config.load import load_config
from system.errors import command
from training.health import StopSignals


@command
def main():
    """Parse the command line and run; the exit code."""
    parser = Parser(__doc__)
    parser.add_argument("config", help="a YAML file of config/")
    parser.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="settings to change, e.g. training.seed=1"
    )
    parser.add_argument("--compile", action="store_true", help="the same as training.compile=true")
    args = parser.parse_args()
    overrides = [*args.overrides, *(["training.compile=true"] if args.compile else [])]
    with StopSignals() as signals:
        from training.trainer import Trainer  # Torch takes seconds to load, in which a signal may come.

        return Trainer(load_config(args.config, overrides), signals).run()


if __name__ == "__main__":
    sys.exit(main())
