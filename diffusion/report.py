"""What a run says of itself: the number printed is the number logged."""

import sys

import numpy as np
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm


class Reporter:
    """Progress bar, lines on the terminal and TensorBoard, in one call each. Ranks but the first get a `Silence`."""

    def __init__(self, folder, first_step, last_step):
        self.writer = SummaryWriter(folder, purge_step=first_step + 1)
        self.last_step = last_step
        self.bar = tqdm(initial=first_step, total=last_step, unit="step", dynamic_ncols=True, disable=None)

    def say(self, text):
        """One line on the terminal, above the bar."""
        self.bar.write(text, file=sys.stdout)
        sys.stdout.flush()

    def scalars(self, step, values):
        """Print and log the values (name -> number) of a step."""
        self.say(f"step {step}/{self.last_step}: " + "  ".join(f"{name} {value:.4g}" for name, value in values.items()))
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def picture(self, step, name, image):
        """Log a PIL image."""
        self.writer.add_image(name, np.asarray(image), step, dataformats="HWC")

    def advance(self):
        """One step was made."""
        self.bar.update()

    def close(self):
        """Finish the bar and the files."""
        self.bar.close()
        self.writer.close()


class Silence:
    """Takes what a Reporter takes and says nothing."""

    def __getattr__(self, name):
        return lambda *_: None
