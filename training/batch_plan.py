"""How the pairs of a step are divided among processes and passes."""

from dataclasses import dataclass

from system.errors import InputError


@dataclass(frozen=True)
class BatchPlan:
    """The numbers whose product is that of the pairs of a step, the effective batch."""

    batch_size: int  # Pairs per process and pass.
    accumulation: int  # Passes per step.
    processes: int

    @property
    def pairs(self):
        """Pairs per step."""
        return self.batch_size * self.accumulation * self.processes

    @property
    def images(self):
        """Images per step: every pair is used in both directions."""
        return 2 * self.pairs

    def __str__(self):
        pairs, passes = _several(self.batch_size, "pair", "pairs"), _several(self.accumulation, "pass", "passes")
        return f"{self.images} images per step = 2 directions x {pairs} x {passes} x {_processes(self.processes)}"


def plan_batches(training, processes, progress, before):
    """The BatchPlan of a run that starts or goes on, and sentences on where it is not what the settings say.

    A run that goes on keeps its pairs per step, on any number of processes, by passes of at most training.batch_size
    pairs per process, so that each step sees the pairs that it would have seen; unless its settings ask for others.
    `before` are the settings of training when it was saved. Raises InputError where the processes cannot share the
    pairs equally.
    """
    plan, pairs = BatchPlan(training.batch_size, training.accumulation, processes), progress.pairs_per_step
    if before is None or plan.pairs == pairs:
        return plan, []
    asked = (before.batch_size, before.accumulation) != (training.batch_size, training.accumulation)
    if asked and processes == progress.processes:
        return plan, []
    share, rest = divmod(pairs, processes)
    if rest:
        fitting = [str(number) for number in range(1, pairs + 1) if pairs % number == 0]
        raise InputError(
            f"{training.output}: has {pairs} pairs per step, which {processes} processes cannot share equally; go on "
            f"with {' or '.join(fitting)}, or start a run of its own with another training.output."
        )
    size = max(size for size in range(1, training.batch_size + 1) if share % size == 0)
    plan = BatchPlan(size, share // size, processes)
    kept = f"training.batch_size is {plan.batch_size} and training.accumulation {plan.accumulation}"
    notes = [f"on {_processes(processes)} {kept}, to keep {pairs} pairs per step"]
    if plan.accumulation > 1:
        notes.append(
            "MSFF's batch statistics are those of a pass, so losses differ slightly from those of larger passes: "
            f"training.batch_size={share} if memory allows"
        )
    return plan, notes


def _processes(number):
    return _several(number, "process", "processes")


def _several(number, one, many):
    return f"1 {one}" if number == 1 else f"{number} {many}"
