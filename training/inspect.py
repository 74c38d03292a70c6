"""The state of a run folder, in words.

    python -m training.inspect RUN

How far it is and how it ended, its last numbers, its checkpoints (every file is compared with its checksum), and what
befell it on the way. It changes nothing, and may be asked while the run goes on.
"""

import os
import socket
import time
from collections import Counter
from pathlib import Path

from config.flags import Parser
from config.load import load_config
from models.pretrained import CONFIG_FILE
from models.run_folder import checkpoint_steps, checkpoints_folder, step_folder
from system.errors import InputError, command
from system.files import damage
from training.report import read_metrics
from training.run_record import read_sessions

LAST_EVENTS = 5


@command
def main():
    """Parse the command line and print."""
    parser = Parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="the folder that training.output named")
    for line in describe_run(Path(parser.parse_args().run)):
        print(line)


def describe_run(run):
    """Lines of text on a run folder. Raises InputError if it is none."""
    if not (run / CONFIG_FILE).is_file() or (not (metrics := read_metrics(run)) and not checkpoint_steps(run)):
        raise InputError(f"{run}: no run folder; expected {CONFIG_FILE} and what training leaves beside it.")
    config = load_config(run / CONFIG_FILE)
    values = [line for line in metrics if "event" not in line]
    events = [line for line in metrics if "event" in line]
    sessions = read_sessions(run)
    yield from _progress(run, config.training.steps, values, sessions)
    yield from _checkpoints(run)
    yield from _sessions(sessions)
    yield from _events(events)


def _progress(run, steps, values, sessions):
    step = max([values[-1]["step"] if values else 0, *checkpoint_steps(run)])
    yield f"{run}: step {step:,} of {steps:,} ({step / steps:.0%}), {_state(sessions)}"
    if not values:
        return
    last = {name: value for name, value in values[-1].items() if name not in ("step", "time")}
    yield f"  last numbers, of step {values[-1]['step']:,}:"
    width = max(map(len, last))
    yield from (f"    {name:{width}}  {value:.4g}" for name, value in last.items())
    if len(values) > 1 and step < steps:
        before = values[-2]
        pace = (values[-1]["time"] - before["time"]) / max(1, values[-1]["step"] - before["step"])
        yield f"  to go: about {_duration(pace * (steps - step))}, at {pace:.3g} s per step"


def _state(sessions):
    if not sessions:
        return "no session recorded"
    last = sessions[-1]
    if last["outcome"]:
        return last["outcome"]
    if last["host"] != socket.gethostname():
        return f"running on {last['host']}, or ended there without a word"
    return "running" if _alive(last["pid"]) else "ended without a word, as a killed process does"


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _checkpoints(run):
    steps = checkpoint_steps(run)
    yield f"  checkpoints: {len(steps) or 'none'}"
    for step in steps:
        folder = step_folder(run, step)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        yield f"    {folder.name}  {size / 2**20:,.0f} MiB, {damage(folder) or 'whole'}"
    for path in sorted(checkpoints_folder(run).glob("damaged_*")):
        yield f"    {path.name}  set aside; delete it when it is of no more use"


def _sessions(sessions):
    yield f"  sessions: {len(sessions)}"
    for session in sessions:
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(session["began"]))
        last = session.get("last_step", "?")
        yield f"    {began}  steps {session['first_step']} to {last} on {session['host']} ({session['device']})"
        yield f"      {session['batch']}; {session['outcome'] or 'end not recorded'}"


def _events(events):
    events = [event for event in events if event["event"] != "checkpoint"]
    counts = Counter(event["event"] for event in events)
    yield f"  events: {', '.join(f'{count} {kind}' for kind, count in counts.items()) or 'none'}"
    for event in events[-LAST_EVENTS:]:
        yield f"    step {event['step']}: {event['text']}"


def _duration(seconds):
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours >= 48:
        return f"{hours // 24} days {hours % 24} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


if __name__ == "__main__":
    main()
