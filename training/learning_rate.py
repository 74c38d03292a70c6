"""The learning rate of each step."""

WARMUP_START = 0.04  # Share of the learning rate at step 0.


def learning_rate(step, settings):
    """The rate of a step: up from 4 % over the warm-up, flat, and down to nothing over the last `decay_steps`."""
    up = WARMUP_START + (1 - WARMUP_START) * step / settings.warmup_steps if step < settings.warmup_steps else 1.0
    down = (settings.steps - step) / settings.decay_steps if settings.decay_steps else 1.0
    return settings.learning_rate * min(up, down)


def describe_rate(settings):
    """How the learning rate comes about, in words."""
    peak = max(learning_rate(step, settings) for step in range(settings.steps))
    up = f", up from {WARMUP_START:.0%} of it over {settings.warmup_steps:,} steps" if settings.warmup_steps else ""
    down = f", down to 0 over the last {settings.decay_steps:,} of {settings.steps:,}" if settings.decay_steps else ""
    short = f"; in so short a run never above {peak:.2g}" if peak < settings.learning_rate else ""
    return f"learning rate {settings.learning_rate:g}{up}{down}{short}; the same for any number of images per step"
