"""What a person sees when what they gave cannot be used: one sentence, and an exit code.

A run that was told to stop, and saved, ends with exit code STOPPED: the same command goes on.
"""

import functools
import os
import sys

UNUSABLE, STOPPED = 2, 75  # Exit codes; STOPPED is EX_TEMPFAIL of sysexits.h.


class InputError(Exception):
    """Something the user gave is at fault. The message begins with their own word: the file, key or flag."""


def command(main):
    """Decorate a command line's `main`: an InputError ends the program with its sentence on stderr and exit code 2.

    So does a file that the system does not let it reach. Ctrl-C ends it with exit code 130, a reader of its output that
    goes away with 141.
    """

    @functools.wraps(main)
    def run(*args, **kwargs):
        try:
            return main(*args, **kwargs)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(UNUSABLE)
        except BrokenPipeError:  # As `head` leaves a program that has more to say.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Nor is it said at the exit.
            sys.exit(141)
        except OSError as error:
            if error.filename is None:
                raise
            print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
            sys.exit(UNUSABLE)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            sys.exit(130)

    return run


def printable(name):
    """A name out of a file as it can stand in a message: as it is, or quoted and cut if it is odd or long."""
    name = str(name)
    return name if name.isprintable() and len(name) <= 200 else f"{name!r:.200}"
