"""Loaders: batches whose content follows from the seed and their place, whatever the number of workers."""

import contextlib
import logging

import torch

from data.workers import Workers, load_batch

logger = logging.getLogger(__name__)


def training_loader(
    dataset,
    workers,
    batch_size,
    steps,
    first_position=0,  # Pairs that came before, those of all ranks together.
    rank=0,
    world_size=1,
    accumulation=1,
):
    """Batches of a PairDataset's items, `steps` times `accumulation` of them.

    `batch_size` is the pairs per process and batch. Batch number b of a rank holds the positions
    first_position + (b * world_size + rank) * batch_size + 0, 1, .. So a run may go on from the same place in the data
    with other numbers of processes, pairs per batch and batches per step. Each process makes its own share: the loader
    must not be sharded again.
    """
    batches = _Batches(first_position, steps * accumulation, batch_size, rank, world_size)
    return Loader(dataset, workers, batches)


class Loader:
    """Batches of a dataset's items, loaded ahead by `workers` processes, or by this one where there are none.

    `batch_sampler` is an iterable of lists of indices, `setting` the user's word for `workers`. A worker that dies is
    replaced and no batch is lost; `incidents` gains a sentence about it, for who drains that list. Iterating raises
    InputError where the dataset does, and where one batch is the end of three workers. Torch's seed is left alone.
    """

    def __init__(self, dataset, workers, batch_sampler, setting="data.workers"):
        self.dataset, self.workers, self.batch_sampler = dataset, workers, batch_sampler
        self.setting = setting
        self.incidents = []

    def __len__(self):
        return len(self.batch_sampler)

    def __iter__(self):
        pin = torch.cuda.is_available()
        with contextlib.closing(self._load(pin)) as batches:
            for batch in batches:
                yield _pinned(batch) if pin else batch

    def _load(self, pin):
        if not self.workers:
            yield from (load_batch(self.dataset, indices) for indices in self.batch_sampler)
            return
        with contextlib.closing(Workers(self.dataset, self.workers, self.setting, self._note, pin)) as workers:
            yield from workers.load(self.batch_sampler)

    def _note(self, incident):
        logger.warning("%s: %s", self.setting, incident)
        self.incidents.append(incident)


def _pinned(batch) -> dict:
    """Its tensors in pinned memory; those that are there already are not copied."""
    return {name: value.pin_memory() if torch.is_tensor(value) else value for name, value in batch.items()}


class _Batches:
    """The positions of each batch of one rank, a list per batch."""

    def __init__(self, first_position, count, batch_size, rank, world_size):
        self.first_position, self.count, self.batch_size = first_position, count, batch_size
        self.rank, self.world_size = rank, world_size

    def __iter__(self):
        for batch in range(self.count):
            first = self.first_position + (batch * self.world_size + self.rank) * self.batch_size
            yield list(range(first, first + self.batch_size))

    def __len__(self):
        return self.count


def both_directions(batch):
    """N pairs -> 2 N samples: (source -> target), then (target -> source), which `direction` tells as 0 and 1.

    Other tensors are repeated.
    """
    swapped = {
        "source_image": "target_image",
        "target_image": "source_image",
        "source_pose": "target_pose",
        "target_pose": "source_pose",
    }
    both = {
        name: torch.cat([values, batch[swapped.get(name, name)]]) if torch.is_tensor(values) else values
        for name, values in batch.items()
    }
    return both | {"direction": torch.arange(2).repeat_interleave(len(batch["position"]))}
