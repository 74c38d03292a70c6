"""The smallest network that has every part: 32 x 32, two slim levels, attention with k = 3, 2 and 1."""

from config.schema import AttentionLevel, ModelConfig


def tiny_model_config(**changes):
    """A ModelConfig that runs in milliseconds. Attention stands at strides 4, 8 and 16."""
    settings = {
        "image_size": [32, 32],
        "channels": 32,
        "channel_multipliers": [1, 2, 2, 2, 2],
        "attention": [AttentionLevel(4, 3, 4), AttentionLevel(8, 2, 3), AttentionLevel(16, 1, 2)],
        "token_stride": 8,
        "dropout": 0.0,
    }
    return ModelConfig(**(settings | changes))


def tiniest_model_config(**changes):
    """One that trains in half that time and takes a sixth of the room: three levels, attention at stride 4 alone."""
    settings = {"channel_multipliers": [1, 1, 1], "attention": [AttentionLevel(4, 2, 3)]}
    return tiny_model_config(**(settings | changes))
