"""Saving while training goes on: copied to the host at once, written by a thread."""

import dataclasses
import json
import queue
import shutil
import threading
import time

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.staging import DefaultStager, StagingOptions

from models.pretrained import WEIGHTS_FILE, save_tensors
from models.run_folder import checkpoints_folder, remove_leftovers, remove_old_checkpoints, step_folder
from system.errors import InputError
from system.files import whole_folder, write_sums
from system.software import commit, versions
from training.checkpoints import STATE_FILE, TRAINING_FOLDER, fill, training_tensors
from training.run_record import LIBRARIES

SPARE = 16 << 20  # Bytes that must stay free beside a checkpoint.


class CheckpointWriter:
    """Writes the checkpoints of a run, and removes old ones; every process holds one, and calls it at the same steps.

    A save that fails leaves the earlier checkpoints whole, and the run going: it is told by `outcomes` and `finish`.
    """

    def __init__(self, config, processes):
        self.config, self.processes = config, processes
        self.folder = checkpoints_folder(config.training.output)
        self.thread, self.told, self.failure = None, queue.SimpleQueue(), None
        self.details = {"versions": versions(LIBRARIES), "commit": commit()}
        if processes.is_main:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(config.training.output)

    def save(self, progress, model, ema, optimizer):
        """Begin to save. Training may change the tensors as soon as this returns.

        It waits for an earlier save first, so that no more than one copy is held.
        """
        self.wait()
        began = time.monotonic()
        if not (self.processes.is_main or self.processes.sharded):
            return
        tensors = [ema.model.state_dict(), training_tensors(model, optimizer)]
        scaler = self.processes.scaler
        state = {"progress": dataclasses.asdict(progress), "scaler": scaler and scaler.state_dict(), **self.details}
        fault = self._lack_of_room(tensors)
        if self.processes.sharded:
            fault = self.processes.from_main(fault)
        if fault:
            self._tell(progress.step, fault)
            return
        copies = [self._copy(part) for part in tensors]
        held_up = time.monotonic() - began
        self.thread = threading.Thread(target=self._save, args=(progress.step, ema.model, *copies, state, held_up))
        self.thread.start()

    def wait(self):
        """Wait until the save that is under way is done."""
        if self.thread is not None:
            self.thread.join()
            self.thread = None

    def outcomes(self):
        """(step, sentence) of each save that ended since they were last asked for."""
        while not self.told.empty():
            yield self.told.get()

    def finish(self):
        """Wait, and raise InputError if the last save failed."""
        self.wait()
        if self.failure is not None:
            raise self.failure

    def _copy(self, tensors):
        if self.processes.sharded:
            options = StagingOptions(
                use_pinned_memory=False, use_shared_memory=False, use_async_staging=False, use_non_blocking_copy=False
            )
            return DefaultStager(options).stage(tensors)
        return {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}

    def _lack_of_room(self, tensors):
        """A sentence if there is too little room for a checkpoint, else None. The main process knows."""
        if not self.processes.is_main:
            return None
        needed = sum(tensor.numel() * tensor.element_size() for part in tensors for tensor in part.values()) + SPARE
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            return f"{self.folder}: {error.strerror}"
        if free < needed:
            return f"{self.folder}: a checkpoint takes {needed >> 20} MiB, and {free >> 20} MiB are free"
        return None

    def _save(self, step, model, average, training, state, held_up):
        folder = step_folder(self.config.training.output, step)
        began = time.monotonic()
        try:
            if self.processes.sharded:
                self._write_sharded(folder, model, average, training, state)
            else:
                with whole_folder(folder) as partial:
                    save_tensors(average, partial / WEIGHTS_FILE)
                    save_tensors(training, partial / TRAINING_FOLDER / "training.safetensors")
                    self._complete(partial, step, model, state)
            if self.processes.is_main:
                remove_old_checkpoints(
                    self.config.training.output, self.config.training.keep_last, self.config.training.keep_every
                )
        except (Exception, dcp.api.CheckpointException) as error:  # noqa: BLE001 (a thread has nobody to raise it to)
            self._tell(step, error)
        else:
            seconds = time.monotonic() - began
            self.failure = None
            self.told.put((step, f"saved {folder} (training waited {held_up:.1f} s, writing took {seconds:.1f} s)"))

    def _write_sharded(self, folder, model, average, training, state):
        """The same, where every process has a part of each tensor: each writes its own, the first one all the rest."""
        if not self.processes.is_main:
            if partial := self.processes.from_main(None, self.processes.background):
                _write_parts(partial, average, training, self.processes.background)
            return
        met = False
        try:
            with whole_folder(folder) as partial:
                self.processes.from_main(partial, self.processes.background)
                met = True
                _write_parts(partial, average, training, self.processes.background)
                whole = {name: torch.empty(tensor.shape, dtype=tensor.dtype) for name, tensor in average.items()}
                fill(whole, partial / "average")
                shutil.rmtree(partial / "average")
                save_tensors(whole, partial / WEIGHTS_FILE)
                self._complete(partial, state["progress"]["step"], model, state)
        finally:
            if not met:
                self.processes.from_main(None, self.processes.background)

    def _complete(self, partial, step, model, state):
        """Add what the tensors' files need beside them."""
        training = self.config.training
        origin = (
            f"Trained by this program on the pairs of `{self.config.data.root}`: {step:,} of {training.steps:,} steps. "
            f"These are the moving average of the weights (decay {training.ema_decay})."
        )
        model.describe(partial, self.config, {"origin": origin})
        (partial / STATE_FILE).write_text(json.dumps(state, indent=2), encoding="utf-8")
        write_sums(partial)

    def _tell(self, step, error):
        if isinstance(error, dcp.api.CheckpointException):
            error = next(iter(error.failures.values()))[0]  # Of the first process that failed.
        self.failure = InputError(f"{error}; earlier checkpoints are whole.")
        self.told.put((step, f"not saved: {error}; earlier checkpoints are whole, and training goes on"))


def _write_parts(partial, average, training, group):
    for name, tensors in (("average", average), (TRAINING_FOLDER, training)):
        writer = dcp.HuggingFaceStorageWriter(str(partial / name), save_distributed=True)
        dcp.save(tensors, storage_writer=writer, process_group=group)
