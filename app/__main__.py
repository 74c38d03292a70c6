"""The web page: python -m app

It answers on this machine alone unless --host says otherwise; 0.0.0.0 answers everyone who can reach the machine, and
there is no password. No photo leaves the machine, and none stays when the page ends.
"""

import signal
import sys

from app.inputs import add_checkpoint_flag, open_pipeline
from app.page import build, folder_of_its_own, serve
from config.flags import Parser, whole
from system.errors import command
from system.machine import use_machine


@command
def main(arguments=None):
    """Parse the command line and serve the page until Ctrl-C."""
    parser = Parser(__doc__, prog="python -m app")
    add_checkpoint_flag(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to answer on")
    parser.add_argument("--port", type=whole("--port", 1, 65535), default=7860)
    args = parser.parse_args(arguments)

    use_machine()
    pipeline = open_pipeline(args.checkpoint)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # Ends the block below, too.
    with folder_of_its_own():
        page = build(pipeline, args.checkpoint)
        serve(page, args.host, args.port)


if __name__ == "__main__":
    main()
