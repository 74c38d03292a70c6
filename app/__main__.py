"""The web page: python -m app

It answers on this machine alone unless --host says otherwise; 0.0.0.0 answers everyone who can reach the machine, and
there is no password. No photo leaves the machine.
"""

import torch

from app.page import build, serve
from config.errors import command
from config.flags import Parser, whole
from config.machine import use_machine
from diffusion.pipeline import PoseTransferPipeline


@command
def main(arguments=None):
    """Parse the command line and serve the page until Ctrl-C."""
    parser = Parser(__doc__, prog="python -m app")
    parser.add_argument(
        "--checkpoint", default="checkpoints/demo", help="as for test.py; the demo's: drawn people only"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to answer on")
    parser.add_argument("--port", type=whole("--port", 1, 65535), default=7860)
    args = parser.parse_args(arguments)

    use_machine()
    pipeline = PoseTransferPipeline.from_pretrained(args.checkpoint)
    pipeline.to("cuda" if torch.cuda.is_available() else "cpu")
    page = build(pipeline, args.checkpoint)
    print(f"http://{args.host}:{args.port}: the page, until Ctrl-C", flush=True)
    serve(page, args.host, args.port)


if __name__ == "__main__":
    main()
