"""Loaders: batches whose content follows from (seed, step), whatever the number of workers."""

import itertools

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from config.errors import InputError
from data.dataset import PairDataset


def training_loader(
    data,
    size,
    seed,
    batch_size,
    first_step=0,
    steps=None,  # Stop before this step; None goes on for ever.
    rank=0,
    world_size=1,
    accumulation=1,
):
    """Batches of PairDataset's items for the steps first_step, first_step + 1, ..: `accumulation` of them per step.

    `data` is a config.schema.DataConfig, `size` (H, W), `batch_size` the pairs per process and batch. The batch of
    (step, micro, rank) holds the positions ((step * accumulation + micro) * world_size + rank) * batch_size + 0, 1, ..
    Each process makes its own share, so the loader must not be sharded again. Raises InputError where the data are
    unfit, here or while it is iterated over.
    """
    batches = _Batches(batch_size, first_step, steps, rank, world_size, accumulation)
    return Loader(PairDataset(data, size, seed), data.workers, batch_sampler=batches)


class Loader(DataLoader):
    """A DataLoader that hands on an InputError as it was raised, also from a worker, and leaves torch's seed alone."""

    def __init__(self, dataset, workers, **options):
        super().__init__(
            _Guarded(dataset),
            num_workers=workers,
            collate_fn=_collate,
            worker_init_fn=_start_worker,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),
            **options,
        )

    def __iter__(self):
        for batch in super().__iter__():
            if isinstance(batch, InputError):
                raise batch
            yield batch


class _Guarded(Dataset):
    """Returns an InputError in place of the item: raised in a worker, it would arrive inside a traceback's text."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        try:
            return self.dataset[index]
        except InputError as error:
            return error


def _collate(items):
    faults = [item for item in items if isinstance(item, InputError)]
    return faults[0] if faults else default_collate(items)


def _start_worker(_):
    cv2.setNumThreads(0)  # One worker, one thread.
    torch.set_num_threads(1)


class _Batches:
    """The positions of each batch of one rank, a list per batch."""

    def __init__(self, batch_size, first_step, steps, rank, world_size, accumulation):
        self.batch_size, self.first_step, self.steps = batch_size, first_step, steps
        self.rank, self.world_size, self.accumulation = rank, world_size, accumulation

    def __iter__(self):
        count = itertools.count() if self.steps is None else range(len(self))
        for batch in count:
            first = ((self.first_step * self.accumulation + batch) * self.world_size + self.rank) * self.batch_size
            yield list(range(first, first + self.batch_size))

    def __len__(self):
        if self.steps is None:
            raise TypeError("an endless loader has no length")
        return max(0, self.steps - self.first_step) * self.accumulation


def both_directions(batch):
    """N pairs -> 2 N samples: (source -> target), then (target -> source). Other entries are repeated."""
    swapped = {
        "source_image": "target_image",
        "target_image": "source_image",
        "source_pose": "target_pose",
        "target_pose": "source_pose",
    }
    return {name: torch.cat([values, batch[swapped.get(name, name)]]) for name, values in batch.items()}
