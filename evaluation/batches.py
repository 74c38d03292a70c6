"""Image files on their way to a network."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from system.progress import progress_bar

BATCH = 32
THREADS = min(4, os.cpu_count() or 1)  # Pillow and OpenCV leave the interpreter free while they decode and resize.


def read_batches(read, items, name):
    """The arrays read(item), in order, as tensors of up to BATCH of them; while one is used, the next is read.

    name: what the progress bar says. An exception of `read` comes through at its place.
    """
    chunks = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    bar = progress_bar(what=name, unit="image", total=len(items), leave=False)
    with bar, ThreadPoolExecutor(THREADS) as pool:
        ready = []
        for chunk in (*chunks, []):
            following = [pool.submit(read, item) for item in chunk]
            if ready:
                yield torch.from_numpy(np.stack([job.result() for job in ready]))
                bar.update(len(ready))
            ready = following
