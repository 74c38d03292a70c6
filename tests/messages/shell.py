"""The shell files, and launchers of processes."""

from tests.messages.runner import table

TRAIN = "bash scripts/train.sh"
NUMBER = "expected a number of processes, 1 or more, got"
NODES = "expected a number of nodes such as 4, or a range such as 2:4, got"
MEET = "expected the host:port where 2 nodes meet, such as node1:29500, got"

ROWS = [
    *table(f"NPROC=0 {TRAIN}", ("no processes", "", f"NPROC: {NUMBER} 0")),
    *table(f"NPROC=two {TRAIN}", ("processes in letters", "", f"NPROC: {NUMBER} two")),
    *table(f"RESTARTS=-1 {TRAIN}", ("negative restarts", "", "RESTARTS: expected a number, 0 or more, got -1")),
    *table(f"NNODES=0 {TRAIN}", ("no nodes", "", f"NNODES: {NODES} 0")),
    *table(f"NNODES=4:2 {TRAIN}", ("a range that is turned", "", f"NNODES: {NODES} 4:2")),
    *table(f"NNODES=2 {TRAIN}", ("nowhere to meet", "", f"RDZV: {MEET} nothing")),
    *table(f"NNODES=2 RDZV=head {TRAIN}", ("no port to meet at", "", f"RDZV: {MEET} head")),
    *table(f"NNODES=2 RDZV=head:65536 {TRAIN}", ("a large port", "", f"RDZV: {MEET} head:65536")),
    *table("bash setup.sh", ("an unknown flag", "--fast", "--fast: expected --pose or --dev")),
    *table("bash setup.sh", ("a word", "dev", "dev: expected --pose or --dev")),
    *table("bash setup.sh", ("one of two", "--pose --gpu", "--gpu: expected --pose or --dev")),
]
LAUNCHES = table(
    "python scripts/launch.py",
    ("nothing to start", "", "training_script, training_script_args: required, and not given"),
    ("processes in letters", "--max-restarts x train.py", "--max_restarts: invalid int value: 'x'"),
)
INTERRUPTED = "python data/synthetic.py --out new --preset full --workers 1"
