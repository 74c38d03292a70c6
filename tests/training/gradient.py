"""Write the gradient of a training run's first step: gradient.py CONFIG OUT [key=value ..]"""

import sys
from pathlib import Path

from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from config.load import load_config
from training.trainer import Trainer

path, out, *overrides = sys.argv[1:]
trainer = Trainer(load_config(path, [*overrides, "training.gradient_clip=1e9"]))
# Zero-initialised layers would hide the gradients of most others.
model = trainer._plain_model()
for number, parameter in enumerate(model.parameters()):
    parameter.data.add_(0.02 * parameter.new_tensor(range(parameter.numel())).add(number).sin().view_as(parameter))
trainer.train_step(iter(trainer.loader))
if trainer.processes.is_main:
    save_file({name: p.grad.contiguous() for name, p in model.named_parameters()}, out)
trainer._leave()
