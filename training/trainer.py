"""The training run: one loop, resumed by starting it again.

Whatever a step draws at random (data order, noise, dropout) follows from the seed and the step, so that a resumed run
equals an unbroken one.
"""

import functools
import time
from pathlib import Path

import torch

from config.load import to_yaml
from data.dataset import PairDataset
from data.levels import to_device
from data.loader import training_loader
from diffusion.precision import compile_for_training
from models.pose_transfer import PoseTransferModel
from models.pretrained import CONFIG_FILE
from models.run_folder import set_aside, survey
from system.errors import STOPPED
from system.files import write_text
from system.machine import peak_memory
from system.seeds import derived_seed
from training.batch_plan import plan_batches
from training.checkpoint_writer import CheckpointWriter
from training.checkpoints import Progress, load_checkpoint
from training.ema import EMA
from training.faults import Faults
from training.health import StopSignals, Watchdog
from training.learning_rate import describe_rate, learning_rate
from training.loss import DROPOUT, INITIAL_WEIGHTS, TrainingLoss
from training.preview import Preview
from training.processes import Processes
from training.report import Averages, Reporter, Silence
from training.run_record import RunRecord, take_folder


class Trainer:
    """Holds what a run needs, on every process. Raises InputError for settings or data that cannot be used.

    signals: the StopSignals that may ask it to stop.
    """

    def __init__(self, config, signals=None):
        self.config, settings = config, config.training
        self.run_folder = Path(settings.output)
        self.processes = Processes(settings.precision, settings.parallel, settings.gradient_checkpointing != "none")
        torch.manual_seed(derived_seed(settings.seed, INITIAL_WEIGHTS))
        model = PoseTransferModel(config.model)
        model.recompute(settings.gradient_checkpointing)
        self.ema = EMA(model, settings.ema_decay, settings.warmup_steps)
        if settings.compile:
            compile_for_training(model)
        self.processes.place(self.ema.model)
        self.processes.place(model)
        self.adam = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
        self.model, self.optimizer = self.processes.prepare(model, self.adam)
        self.loss = TrainingLoss(config, self.processes.device)
        self.preview = Preview(config, self.processes.device)
        self.dataset = PairDataset(config.data, config.model.image_size, settings.seed)
        self.lock = take_folder(self.run_folder) if self.processes.is_main else None
        self.damaged_checkpoints = []
        self.progress, before, self.changes = self._resume()
        self.plan, notes = plan_batches(settings, self.processes.count, self.progress, before)
        self.changes += notes
        self.progress.pairs_per_step, self.progress.processes = self.plan.pairs, self.plan.processes
        self.loader = self._loader()
        self.signals, self.watchdog = signals or StopSignals(), Watchdog(settings.stall_seconds)
        self.faults = Faults(config, self.processes, self.progress, self.dataset)
        self.averages, self.reporter = Averages(), Silence()

    def run(self):
        """Train to the last step, or until a signal asks to stop. Returns 0 or STOPPED, the program's exit code."""
        self.reporter = self._reporter()
        record = RunRecord(self.run_folder, self.progress, self.plan) if self.processes.is_main else Silence()
        writer = CheckpointWriter(self.config, self.processes)
        try:
            stopped = self._loop(writer)
            writer.finish()
        except BaseException as error:
            record.end(self.progress.step, str(error).partition("\n")[0] or type(error).__name__)
            raise
        finally:
            self._tell(writer.outcomes())
        outcome = f"stopped, as {self.signals.received or 'another process'} asked" if stopped else "done"
        self.reporter.say(f"step {self.progress.step}: {outcome}, {self.run_folder}")
        record.end(self.progress.step, outcome)
        self.reporter.close()
        self._leave()
        return STOPPED if stopped else 0

    def _loop(self, writer):
        """Report, draw, save, stop, step: always in this order. Returns whether it was asked to stop."""
        every, progress, first_step = self.config.training, self.progress, self.progress.step
        batches, stop = iter(self.loader), self.processes.total([self._told_to_stop()])[0] > 0
        while True:
            begun, ends = progress.step > first_step, progress.step == every.steps
            if begun and (progress.step % every.log_every == 0 or ends):
                self._report()
            if begun and (progress.step % every.picture_every == 0 or ends) and not stop:
                self._draw_pictures()
            if begun and (progress.step % every.checkpoint_every == 0 or ends or stop):
                writer.save(progress, self._plain_model(), self.ema, self.adam)
            self._tell(writer.outcomes())
            if stop or progress.step >= every.steps:
                return stop and not ends
            with self.watchdog.watching(f"{self.run_folder}: step {progress.step + 1}"):
                stop = self.train_step(batches)
            self.reporter.advance()

    def train_step(self, batches):
        """One update of the weights from the next `accumulation` batches, unless their loss or gradient is not finite.

        Returns whether a process was asked to stop. All processes decide alike.
        """
        settings, step = self.config.training, self.progress.step
        rate = learning_rate(step, settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(derived_seed(settings.seed, DROPOUT, step, self.processes.rank))

        # Forward and backward.
        began, waited, passes, damaged = time.monotonic(), 0.0, [], []
        forward = functools.partial(self.processes.call, self.model)
        self.model.train()
        self.optimizer.zero_grad()
        for number in range(self.plan.accumulation):
            asked = time.monotonic()
            batch = next(batches)
            waited += time.monotonic() - asked
            damaged += batch.pop("damaged")
            with self.processes.accumulating(self.model, last=number == self.plan.accumulation - 1):
                losses = self.loss(forward, to_device(batch, self.processes.device))
                self.processes.backward(losses.total / self.plan.accumulation)
            passes.append((batch["position"], losses))
        norm = self.processes.clip(self.model, settings.gradient_clip)

        # Agree, then update.
        incidents, self.loader.incidents = self.loader.incidents, []
        fit, stop = self.faults.judge(passes, norm, incidents, damaged, self._told_to_stop(), self.reporter)
        if fit:
            self.optimizer.step()
            self.ema.update(self._plain_model(), step + 1)
            for _, losses in passes:
                for name, (total, count) in losses.measured.items():
                    self.averages.add(name, total, count)
            self.averages.add("gradient_norm", norm.nan_to_num(0, 0), norm.isfinite())  # fp16's scale may be too high.
        else:
            self.processes.forget_step()
            self.ema.restore_buffers(self._plain_model())
        self.averages.add("loader_wait_share", waited / (time.monotonic() - began))
        self.averages.add("seconds_per_step", time.monotonic() - began)
        self.progress.step += 1
        self.progress.position += self.plan.pairs
        return stop

    def _report(self):
        values = self.averages.take(self.processes)
        apart, length = self.processes.total(self.ema.squared_distance(self._plain_model()))
        values |= {
            "learning_rate": learning_rate(self.progress.step - 1, self.config.training),
            "images_per_second": self.plan.images / values.pop("seconds_per_step"),
            "memory_gib": peak_memory(),
            "ema_decay": self.ema.decay_at(self.progress.step),
            "ema_distance": (apart / length) ** 0.5,
            "skipped_steps": self.progress.skipped,
            "damaged_pairs": self.progress.damaged,
        }
        self.reporter.scalars(self.progress.step, values)

    def _draw_pictures(self):
        """The test pairs by the EMA weights, to TensorBoard: by the first process or, of a sharded model, by each."""
        stopped = None if self.processes.sharded else self._told_to_stop
        if self.processes.is_main or self.processes.sharded:
            picture = self.preview.draw(self.ema.model, stopped)
            if picture is not None:
                self.reporter.picture(self.progress.step, "test_pairs", picture)

    def _tell(self, outcomes):
        for step, outcome in outcomes:
            self.reporter.event(step, "checkpoint", outcome)

    def _leave(self):
        self.processes.meet()  # The first one may have had to finish a checkpoint.
        self.model = self._plain_model()  # Nothing here may hold DDP when the processes part.
        self.processes.leave()

    def _resume(self):
        """Progress, the settings of training at the last checkpoint (None where there is none), and what changed."""
        folder, faults = survey(self.run_folder) if self.processes.is_main else (None, {})
        for passed, fault in faults.items():
            text = f"{passed.name}: {fault}; set aside as {set_aside(passed)}, and the checkpoint before it is used"
            self.damaged_checkpoints.append(text)
        folder = self.processes.from_main(folder)
        if folder is None:
            return Progress(), None, []
        progress, saved, changes = load_checkpoint(
            folder, self._plain_model(), self.ema.model, self.adam, self.processes, self.config
        )
        return progress, saved.training, [f"resumed with another {change}" for change in changes]

    def _loader(self):
        config = self.config
        return training_loader(
            self.dataset,
            config.data.workers,
            self.plan.batch_size,
            first_position=self.progress.position,
            steps=max(0, config.training.steps - self.progress.step),
            rank=self.processes.rank,
            world_size=self.processes.count,
            accumulation=self.plan.accumulation,
        )

    def _reporter(self):
        if not self.processes.is_main:
            return Silence()
        settings, text = self.config.training, to_yaml(self.config)
        write_text(self.run_folder / CONFIG_FILE, text)
        reporter = Reporter(self.run_folder, self.progress.step, settings.steps)
        if not self.progress.step:
            reporter.say(text)
        for text in self.damaged_checkpoints:
            reporter.event(self.progress.step, "damaged-checkpoint", text)
        count = sum(parameter.numel() for parameter in self._plain_model().parameters())
        start = f"resumed at step {self.progress.step}" if self.progress.step else "starts"
        reporter.say(f"{self.run_folder}: {start}; {count:,} parameters")
        reporter.say(f"{self.run_folder}: {self.plan}")
        reporter.say(f"{self.run_folder}: {describe_rate(settings)}")
        for change in self.changes:
            reporter.say(f"{self.run_folder}: {change}")
        return reporter

    def _told_to_stop(self):
        return self.signals.received is not None

    def _plain_model(self):
        return self.processes.plain(self.model)
