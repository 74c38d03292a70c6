"""Train a model in two parts, where the second process cannot write its checkpoint: starved.py CONFIG"""

import os
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from config.load import load_config
from system.errors import command
from training.trainer import Trainer

if os.environ["RANK"] == "1":
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
sys.exit(command(lambda: Trainer(load_config(sys.argv[1])).run())())
