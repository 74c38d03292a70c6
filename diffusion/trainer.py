"""The training run: one loop, resumed by starting it again.

Whatever a step draws at random (data order, noise, dropout) follows from the seed and the step, so that a resumed run
equals an unbroken one.
"""

import contextlib
import time
from pathlib import Path

import torch
from accelerate import Accelerator

from config.errors import InputError
from config.load import to_yaml
from data.files import write_whole
from data.loader import both_directions, training_loader
from diffusion.checkpoints import latest_checkpoint, load_checkpoint, remove_old_checkpoints, save_checkpoint
from diffusion.drawing import Preview, to_device
from diffusion.ema import EMA
from diffusion.gaussian import STEPS, GaussianDiffusion
from diffusion.report import Reporter, Silence
from diffusion.samplers import derived_seed
from models.flow_losses import FlowLoss, PixelFeatures
from models.pose_transfer import PoseTransferModel
from models.pretrained import CONFIG_FILE
from models.vgg import TAPS, VGG19Features

WARMUP_START = 0.04  # Share of the learning rate at step 0.
INITIAL_WEIGHTS, SAMPLE_NOISE, DROPOUT = range(3)  # What a derived seed is for.


class Trainer:
    """Holds what a run needs, on every rank. Raises InputError for settings or data that cannot be used."""

    def __init__(self, config):
        self.config = config
        self.run_folder = Path(config.training.output)
        if config.training.precision == "fp16" and not torch.cuda.is_available():
            raise InputError("training.precision: fp16 needs a GPU; use bf16, or no.")
        self.accelerator = Accelerator(
            mixed_precision=config.training.precision,
            cpu=not torch.cuda.is_available(),
        )
        torch.manual_seed(derived_seed(config.training.seed, INITIAL_WEIGHTS))
        model = PoseTransferModel(config.model)
        optimizer = torch.optim.Adam(model.parameters(), lr=config.training.learning_rate, fused=True)
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.ema = EMA(self._plain_model(), config.training.ema_decay, config.training.warmup_steps)
        self.diffusion = GaussianDiffusion().to(self.accelerator.device)
        self.flow_loss = flow_loss(config).to(self.accelerator.device)
        self.preview = Preview(config, self.accelerator.device)
        self.step, self.changes = self._resume()

    def run(self):
        """Train to the last step. Report, draw, save, stop, step: always in this order."""
        every, first_step = self.config.training, self.step
        batches, reporter = iter(self._loader()), self._reporter()
        sums, seconds, seen = {}, 0.0, 0
        while True:
            if seen and (self.step % every.log_every == 0 or self.step == every.steps):
                values = self._averages(sums, seen)
                values["samples_per_second"] = seen * self._samples_per_step() / seconds
                reporter.scalars(self.step, values)
                sums, seconds, seen = {}, 0.0, 0
            if self.step > first_step and (self.step % every.picture_every == 0 or self.step == every.steps):
                self._draw_pictures(reporter)
            if self.step > first_step and (self.step % every.checkpoint_every == 0 or self.step == every.steps):
                self._save(reporter)
            if self.step >= every.steps:
                break
            start = time.monotonic()
            for name, value in self.train_step(batches).items():
                sums[name] = sums.get(name, 0) + value
            seconds, seen = seconds + time.monotonic() - start, seen + 1
            reporter.advance()
        reporter.say(f"step {self.step}: done, {self.run_folder}")
        reporter.close()
        self._leave_the_group()

    def train_step(self, batches):
        """One update of the weights from the next `accumulation` batches; what it measured, name -> scalar tensor."""
        settings = self.config.training
        rate = learning_rate(self.step, settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(derived_seed(settings.seed, DROPOUT, self.step, self.accelerator.process_index))

        measured = {}
        self.model.train()
        self.optimizer.zero_grad()
        for micro in range(settings.accumulation):
            last = micro == settings.accumulation - 1
            with contextlib.nullcontext() if last else self.accelerator.no_sync(self.model):
                losses = self._losses(next(batches))
                self.accelerator.backward(losses["loss"] / settings.accumulation)
            for name, value in losses.items():
                measured[name] = measured.get(name, 0) + value.detach() / settings.accumulation
        measured["gradient_norm"] = self.accelerator.clip_grad_norm_(self.model.parameters(), settings.gradient_clip)
        measured["learning_rate"] = torch.tensor(rate)
        self.optimizer.step()
        self.step += 1
        self.ema.update(self._plain_model(), self.step)
        return measured

    def _losses(self, batch):
        """The parts of the loss over both directions of a batch of pairs, and their sum."""
        batch = both_directions(to_device(batch, self.accelerator.device))
        t, noise, keep = self._draw_noise(batch["position"], batch["target_image"].shape[1:])
        x_0 = batch["target_image"]
        x_t = self.diffusion.q_sample(x_0, t, noise)
        prediction, condition = self.model(
            x_t, t, batch["source_image"], batch["source_pose"], batch["target_pose"], keep
        )  # fmt: skip
        mse, vb = (x.mean() for x in self.diffusion.losses(prediction, x_0, x_t, t, noise))
        correctness, affine = self.flow_loss(condition.flows, batch["source_image"], batch["target_image"])
        weights = self.config.loss
        loss = mse + vb + weights.correctness_weight * correctness + weights.affine_weight * affine
        return {"loss": loss, "mse": mse, "vb": vb, "correctness": correctness, "affine": affine}

    def _draw_noise(self, positions, shape):
        """t (2N,), noise (2N, 3, H, W) and keep (2N,): each sample's follow from the seed and its place in the data."""
        device, half = self.accelerator.device, len(positions) // 2
        t, noise, keep = [], [], []
        for i, position in enumerate(positions.tolist()):
            seed = derived_seed(self.config.training.seed, SAMPLE_NOISE, position, int(i >= half))
            generator = torch.Generator(device).manual_seed(seed)
            t.append(torch.randint(STEPS, (), generator=generator, device=device))
            noise.append(torch.randn(shape, generator=generator, device=device))
            keep.append(torch.rand((), generator=generator, device=device))
        return torch.stack(t), torch.stack(noise), torch.stack(keep) >= self.config.training.condition_dropout

    def _draw_pictures(self, reporter):
        """The test pairs by the EMA weights, to TensorBoard. The first rank draws; the others wait at the next step."""
        if self.accelerator.is_main_process:
            with self.accelerator.autocast():
                reporter.picture(self.step, "test_pairs", self.preview.draw(self.ema.model))

    def _save(self, reporter):
        if self.accelerator.is_main_process:
            every = self.config.training
            folder = save_checkpoint(
                self.run_folder, self.step, self._plain_model(), self.ema, self.optimizer, self.accelerator.scaler,
                self.config,
            )  # fmt: skip
            remove_old_checkpoints(self.run_folder, every.keep_last, every.keep_every)
            reporter.say(f"step {self.step}: saved {folder}")
        self.accelerator.wait_for_everyone()

    def _leave_the_group(self):
        """End distributed training, DDP before its process group.

        The other way round DDP, destroyed with Python's lock held, takes the group's thread along, which may itself be
        waiting for that lock.
        """
        self.model = self._plain_model()
        self.accelerator.free_memory()
        self.accelerator.end_training()

    def _resume(self):
        folder = latest_checkpoint(self.run_folder)
        if folder is None:
            return 0, []
        return load_checkpoint(
            folder, self._plain_model(), self.ema, self.optimizer, self.accelerator.scaler, self.config
        )  # fmt: skip

    def _loader(self):
        settings = self.config.training
        return training_loader(
            self.config.data,
            self.config.model.image_size,
            settings.seed,
            settings.batch_size,
            first_step=self.step,
            steps=settings.steps,
            rank=self.accelerator.process_index,
            world_size=self.accelerator.num_processes,
            accumulation=settings.accumulation,
        )

    def _reporter(self):
        if not self.accelerator.is_main_process:
            return Silence()
        text = to_yaml(self.config)
        write_whole(self.run_folder / CONFIG_FILE, lambda file: file.write(text.encode()))
        reporter = Reporter(self.run_folder / "tensorboard", self.step, self.config.training.steps)
        reporter.say(text)
        count = sum(p.numel() for p in self._plain_model().parameters())
        start = f"resumed at step {self.step}" if self.step else "starts"
        reporter.say(f"{self.run_folder}: {start}; {count:,} parameters, {self._samples_per_step()} samples per step")
        for change in self.changes:
            reporter.say(f"{self.run_folder}: resumed with another {change}")
        return reporter

    def _averages(self, sums, count):
        """Means over the steps and over the ranks."""
        stacked = torch.stack([value.to(self.accelerator.device).float() for value in sums.values()]) / count
        return dict(zip(sums, self.accelerator.reduce(stacked, "mean").tolist(), strict=True))

    def _samples_per_step(self):
        settings = self.config.training
        return 2 * settings.batch_size * settings.accumulation * self.accelerator.num_processes

    def _plain_model(self):
        return self.accelerator.unwrap_model(self.model)


def learning_rate(step, settings):
    """The rate of a step: up from 4 % over the warm-up, flat, and down to nothing over the last `decay_steps`."""
    up = WARMUP_START + (1 - WARMUP_START) * step / settings.warmup_steps if step < settings.warmup_steps else 1.0
    down = (settings.steps - step) / settings.decay_steps if settings.decay_steps else 1.0
    return settings.learning_rate * min(up, down)


def flow_loss(config):
    """The flow losses of a configuration: features as it says, windows 3, 2, 2 from the finest stride on."""
    strides = [level.stride for level in config.model.attention]
    if config.loss.features == "vgg19" and len(strides) != len(TAPS):
        raise InputError(f"loss.features: vgg19 serves {len(TAPS)} attention levels, not {len(strides)}; use pixels.")
    windows = dict(zip(strides, [3] + [2] * (len(strides) - 1), strict=True))
    pixels = config.loss.features == "pixels"
    return FlowLoss(PixelFeatures(strides) if pixels else VGG19Features(config.loss.vgg19_weights), windows)
