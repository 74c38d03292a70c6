import pytest
import torch
from accelerate.state import AcceleratorState
from torch import nn

from system.errors import InputError
from training.processes import Processes


@pytest.fixture(autouse=True)
def _anew():
    AcceleratorState._reset_state(reset_partial_state=True)  # Accelerate allows one precision per program.
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def processes():
    return Processes("no", "ddp")


@pytest.mark.parametrize(("precision", "expected"), [("bf16", torch.bfloat16), ("no", torch.float32)])
def test_a_model_is_called_in_the_precision_of_the_run(precision, expected):
    assert Processes(precision, "ddp").call(nn.Linear(2, 2), torch.rand(1, 2)).dtype == expected


def test_one_process_shards_nothing():
    processes = Processes("no", "fsdp")
    model = nn.Linear(2, 2)
    assert processes.place(model) is model
    assert not processes.sharded


def test_what_one_process_says_is_what_all_say(processes):
    assert processes.total([1, True, torch.tensor(2.5)]) == [1.0, 1.0, 2.5]
    assert processes.gather(["a"]) == ["a"]
    assert processes.from_main({"b": 1}) == {"b": 1}


def test_a_step_that_is_left_out_under_fp16_leaves_the_scale_able_to_go_on(processes):
    parameter = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    processes.scaler = scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    for factor, expected in ((torch.inf, 4.0), (1.0, 4.0)):
        scaler.scale((factor * parameter).sum()).backward()
        scaler.unscale_(optimizer)  # A second time would raise.
        processes.forget_step()
        optimizer.zero_grad()
        assert scaler.get_scale() == expected
    assert processes.scale_may_fall()
    scaler.update(0.5)
    assert not processes.scale_may_fall()


def test_a_finite_step_is_not_waited_for_without_a_scale(processes):
    assert not processes.scale_may_fall()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU takes it")
def test_fp16_needs_a_gpu():
    with pytest.raises(InputError, match=r"^training\.precision: fp16 needs a GPU"):
        Processes("fp16", "ddp")
