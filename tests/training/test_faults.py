import pytest
import torch

from system.errors import InputError
from training.checkpoints import Progress
from training.faults import Faults
from training.loss import Losses
from training.processes import Processes
from training.report import Silence


class Pairs(list):
    """A thousand pairs that are called after their positions."""

    def __init__(self):
        super().__init__(range(1000))

    def names(self, position):
        return f"source{position}", f"target{position}"


class Told(Silence):
    """Keeps the events that it is told."""

    def __init__(self):
        self.events = []

    def event(self, step, event, text):
        self.events.append((step, event, text))


@pytest.fixture
def faults(experiment):
    return Faults(experiment, Processes("no", "ddp"), Progress(step=4), Pairs())


def judge(faults, loss=1.0, norm=1.0, incidents=(), unreadable=(), stop=False, positions=(7, 8)):
    told = Told()
    passes = [(torch.tensor(positions), Losses(torch.tensor(loss), {}))]
    verdict = faults.judge(passes, torch.tensor(norm), list(incidents), list(unreadable), stop, told)
    return verdict, told.events


def test_a_sound_step_is_made_and_nothing_told(faults):
    assert judge(faults) == ((True, False), [])
    assert judge(faults, stop=True) == ((True, True), [])


@pytest.mark.parametrize(("fault", "what"), [({"loss": torch.nan}, "loss"), ({"norm": torch.inf}, "gradient")])
def test_a_step_that_is_not_finite_is_left_out_with_its_pairs(faults, fault, what):
    verdict, events = judge(faults, **fault)
    text = f"left out, its {what} is not finite; pairs: source7 -> target7; source8 -> target8"
    assert (verdict, events) == ((False, False), [(5, "skipped", text)])
    assert faults.progress.skipped == 1


def test_many_pairs_are_counted_not_listed(faults):
    _, events = judge(faults, loss=torch.nan, positions=tuple(range(20)))
    assert events[0][2].endswith("source7 -> target7 and 12 more")


def test_only_steps_in_a_row_end_the_run(faults):
    faults.config.training.max_skipped = 2
    for _ in range(3):
        judge(faults, loss=torch.nan)
        judge(faults)
    judge(faults, loss=torch.nan)
    with pytest.raises(InputError, match=f"^{faults.config.training.output}: stopped at step 5, the last of 2"):
        judge(faults, loss=torch.nan)


def test_a_scale_that_may_fall_is_no_fault_of_the_gradient(faults):
    faults.processes.scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    faults.processes.scaler.scale(torch.ones(1))
    assert judge(faults, norm=torch.inf)[0] == (True, False)
    assert judge(faults, loss=torch.nan)[0] == (False, False)


def test_damage_and_incidents_are_told_and_damage_is_counted(faults):
    verdict, events = judge(faults, incidents=["a worker died"], unreadable=["image 3", "image 4"])
    assert verdict == (True, False)
    assert [event[1:] for event in events] == [
        ("loader", "a worker died"), ("damaged", "image 3"), ("damaged", "image 4")
    ]  # fmt: skip
    assert faults.progress.damaged == 2


@pytest.mark.parametrize(("position", "allowed"), [(0, 10), (999, 10), (5000, 50)])
def test_the_share_of_damaged_pairs_is_of_an_epoch_or_of_all_that_were_seen(faults, position, allowed):
    faults.progress.position = position
    judge(faults, unreadable=["image"] * allowed)
    with pytest.raises(InputError, match=r"^data\.lmdb: .*data\.max_damaged=0\.01"):
        judge(faults, unreadable=["image"])
