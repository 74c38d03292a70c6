import json
import logging
import time

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.disk import fill_up
from training.processes import Processes
from training.report import Averages, Reporter, read_metrics


@pytest.fixture
def processes():
    return Processes("no", "ddp")


def test_numbers_are_printed_and_logged_twice_the_same(tmp_path, capsys):
    reporter = Reporter(tmp_path, 0, 10)
    reporter.scalars(5, {"loss": 1.25, "memory_gib": 3.0})
    reporter.picture(5, "pairs", Image.new("RGB", (4, 3)))
    reporter.close()
    assert "step 5/10: loss 1.25" in capsys.readouterr().out
    (line,) = read_metrics(tmp_path)
    assert line.items() >= {"step": 5, "loss": 1.25, "memory_gib": 3.0}.items()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("memory_gib")] == [(5, 3.0)]
    assert [event.step for event in events.Images("pairs")] == [5]


def test_a_run_that_goes_on_takes_back_what_it_makes_again(tmp_path):
    first = Reporter(tmp_path, 0, 10)
    for step in (2, 4, 6):
        first.scalars(step, {"loss": step})
        first.event(step, "skipped", f"left out {step}")
    first.close()
    second = Reporter(tmp_path, 4, 10)
    second.scalars(6, {"loss": 60})
    second.close()
    assert [(line["step"], line.get("loss")) for line in read_metrics(tmp_path)] == [
        (2, 2), (2, None), (4, 4), (4, None), (6, 60)
    ]  # fmt: skip


def test_a_line_that_was_cut_short_is_left_out(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 2}\n[1]\n{"step": "x"}\n{"step": 2, "lo')
    assert [line["step"] for line in read_metrics(tmp_path)] == [1]
    Reporter(tmp_path, 5, 10).close()
    assert [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [1]


def test_a_log_without_room_does_not_end_the_run(caplog, small_disk, monkeypatch):
    folder = small_disk("size=8m")
    monkeypatch.setattr("sys.stdout", open(folder / "out.log", "w"))  # noqa: SIM115 (closing it would say the same)
    reporter = Reporter(folder, 0, 10)
    reporter.scalars(1, {"loss": 1.0})
    filler = fill_up(folder)
    with caplog.at_level(logging.WARNING):
        for step in range(2, 200):
            reporter.scalars(step, {"loss": 1.0})
    assert "metrics.jsonl: could not be written (No space left on device)" in caplog.text
    assert "tensorboard: could not be written (No space left on device)" in caplog.text
    filler.unlink()
    time.sleep(1)  # Files of events are read by their names, which tell the second.
    reporter.scalars(300, {"loss": 2.0})
    reporter.close()
    assert [read_metrics(folder)[place]["step"] for place in (0, -1)] == [1, 300]
    events = EventAccumulator(str(folder / "tensorboard")).Reload().Scalars("loss")
    assert (events[-1].step, events[-1].value) == (300, 2.0)


def test_averages_weigh_by_count_and_begin_anew(processes):
    averages = Averages()
    averages.add("loss", 3.0)
    averages.add("loss", torch.tensor(5.0))
    averages.add("mse_t000_249", torch.tensor(6.0), torch.tensor(3))
    averages.add("mse_t250_499", torch.tensor(0.0), torch.tensor(0))
    assert averages.take(processes) == {"loss": 4.0, "mse_t000_249": 2.0}
    averages.add("loss", 1.0)
    assert averages.take(processes) == {"loss": 1.0}
