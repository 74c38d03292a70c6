"""Pictures that show how far training is."""

from data.dataset import TestPairs
from data.levels import to_device
from data.workers import load_batch
from diffusion.drawing import drawing_pairs
from diffusion.pictures import grid_picture, pair_pictures, picture_aspect

PREVIEW_PAIRS = 4


class Preview:
    """The first test pairs, drawn at intervals. They are read at once, so that a fault in them shows at the start."""

    def __init__(self, config, device):
        self.size, self.resize = config.model.image_size, config.data.resize
        pairs = TestPairs(config.data.root, self.size, targets=True, resize=self.resize)
        self.batch = to_device(load_batch(pairs, range(min(PREVIEW_PAIRS, len(pairs)))), device)
        self.sampling = config.sampling
        self.seed = config.training.seed

    def draw(self, model, stopped=None):
        """A grid of the pairs as `model` draws them, an RGB image; None if `stopped()` comes true on the way."""
        drawn, condition = drawing_pairs(model, self.batch, self.sampling, self.seed)
        generated = None
        for step in drawn:
            if stopped and stopped():
                return None
            generated = step.x_t
        aspect = picture_aspect(self.size, self.resize)
        return grid_picture(pair_pictures(self.batch, condition, generated), height=256, aspect=aspect)
