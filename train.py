"""Train a model, or go on training it.

    python train.py config/demo_64.yaml [training.steps=100 data.workers=0 ..]

The same command resumes from the newest checkpoint of `training.output`. `torchrun` starts it on several processes.
"""


from config.errors import command
from config.flags import Parser
from config.load import load_config
from diffusion.trainer import Trainer


@command
def main():
    """Parse the command line and run."""
    parser = Parser(__doc__)
    parser.add_argument("config", help="a YAML file of config/")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings to change, e.g. training.seed=1")
    args = parser.parse_args()
    Trainer(load_config(args.config, args.overrides)).run()


if __name__ == "__main__":
    main()
