"""scripts/train.sh: what it starts, and what it says of variables that it cannot use."""

import pytest

from tests.machine import Machine

CONFIG = "train.py config/deepfashion_256.yaml"


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_one_process_needs_no_launcher(machine):
    assert machine.run("scripts/train.sh").stdout.strip() == CONFIG


def test_there_is_one_process_per_gpu_or_as_many_as_asked(machine):
    launcher = f"scripts/launch.py --nproc-per-node {{}} --max-restarts 3 --standalone {CONFIG}"
    assert machine.run("scripts/train.sh", NPROC="3").stdout.strip() == launcher.format(3)
    machine.add_gpu()
    assert machine.run("scripts/train.sh").stdout.strip() == launcher.format(2)
    assert machine.run("scripts/train.sh", NPROC="1").stdout.strip() == CONFIG


@pytest.mark.parametrize("nodes", ["2", "1:4"])
def test_nodes_meet_where_they_are_told(machine, nodes):
    flags = (
        "--nproc-per-node 1 --max-restarts 0 --nnodes {} --rdzv-backend c10d --rdzv-endpoint head:29500 --rdzv-id {}"
    )
    variables = {"NNODES": nodes, "RDZV": "head:29500", "RESTARTS": "0"}
    for name, more in [("train", {}), ("7", {"SLURM_JOB_ID": "7"}), ("8", {"SLURM_JOB_ID": "7", "RDZV_ID": "8"})]:
        started = machine.run("scripts/train.sh", "a=1", **variables, **more).stdout.strip()
        assert started == f"scripts/launch.py {flags.format(nodes, name)} {CONFIG} a=1"
