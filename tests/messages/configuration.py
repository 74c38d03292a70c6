"""train.py: configuration files, and settings on the command line."""

from tests.messages.runner import table

TRAIN = "python train.py tiny.yaml"
UNKNOWN = "unknown key in the command line; the nearest one is"
REFERENCE = "data.root: expected a value, or a reference to one ("
GIVEN = "but the command line gives the"

FILES = (  # Name, text, sentence.
    ("misspelt", "training: {lerning_rate: 1.0}", "training.lerning_rate: unknown key in misspelt.yaml; the nearest"
     " one is training.learning_rate"),
    ("many", "training: {steps: many}", "training.steps: expected an integer, but many.yaml gives the text 'many'"),
    ("half", "training: {steps: 1.5}", "training.steps: expected an integer, but half.yaml gives the float 1.5"),
    ("yes", "training: {steps: true}", "training.steps: expected an integer, but yes.yaml gives the bool True"),
    ("nothing", "training: {steps: }", "training.steps: expected an integer, but nothing.yaml gives null"),
    ("quoted", "training: {steps: '5'}", "training.steps: expected an integer, but quoted.yaml gives the text '5'"),
    ("fast", "training: {learning_rate: fast}", "training.learning_rate: expected a number, but fast.yaml gives the"
     " text 'fast'"),
    ("endless", "sampling: {guidance: .inf}", "sampling.guidance: expected a number, but endless.yaml gives the text"
     " '.inf'"),
    ("no", "data: {augment: no}", "data.augment: expected true or false, but no.yaml gives the text 'no'"),
    ("listed", "data: {root: [a]}", "data.root: expected text, but listed.yaml gives the list ['a']"),
    ("five", "training: 5", "training: expected settings such as output, but five.yaml gives the integer 5"),
    ("bare", "training:", "training: expected settings such as output, but bare.yaml gives null"),
    ("square", "model: {image_size: 64}", "model.image_size: expected a list, but square.yaml gives the integer 64"),
    ("side", "model: {image_size: [64, x]}", "model.image_size[1]: expected an integer, but side.yaml gives the text"
     " 'x'"),
    ("level", "model: {attention: [8]}", "model.attention[0]: expected settings such as stride, but level.yaml gives"
     " the integer 8"),
    ("stride", "model: {attention: [{stride: x}]}", "model.attention[0].stride: expected an integer, but stride.yaml"
     " gives the text 'x'"),
    ("open", "model:\n  a: [1\n", "open.yaml, line 3: expected ',' or ']', but got '<stream end>'"),
    ("tab", "data:\n\troot: x\n", "tab.yaml, line 2: found character '\\t' that cannot start any token"),
    ("twice", "data:\n  root: a\n  root: b\n", "twice.yaml, line 3: the key root is given twice"),
    ("number", "1: 2\n", "number.yaml, line 1: the key 1 is not text"),
    ("dashes", "- a\n", "dashes.yaml: expected sections such as 'training:' at the top, found the list ['a']"),
    ("word", "word\n", "word.yaml: expected sections such as 'training:' at the top, found the text 'word'"),
    ("tag", "data: !!python/object/apply:os.system [touch called]\n",
     "tag.yaml, line 1: could not determine a constructor for the tag 'tag:yaml.org,2002:python/object/apply:os.syst"),
    ("home", "data: {root: '${oc.env:NOWHERE}'}",
     f"{REFERENCE}KeyError raised while resolving interpolation: \"Environment variable 'NOWHERE' not found\")"),
    ("lost", "data: {root: '${data.nowhere}'}", f"{REFERENCE}Interpolation key 'data.nowhere' not found)"),
)  # fmt: skip

READING = [
    *table("python train.py", *((name, f"{name}.yaml", sentence) for name, _, sentence in FILES)),
    *table(
        "python train.py",
        ("no configuration", "", "config: required, and not given"),
        ("no such file", "none.yaml", "none.yaml: expected a configuration file, got no such file"),
        ("a folder", "empty", "empty: expected a configuration file, got: Is a directory"),
        ("a picture", "whole.png", "whole.png: expected a configuration file, which is text"),
        ("an unknown flag", "tiny.yaml --steps=3", "--steps=3: not known; --help lists the flags"),
    ),
]
WORDS = table(
    TRAIN,
    ("a misspelt key", "training.lerning_rate=1", f"training.lerning_rate: {UNKNOWN} training.learning_rate"),
    ("no section", "lerning_rate=1", f"lerning_rate: {UNKNOWN} training.learning_rate"),
    ("a misspelt section", "'trainig={steps: 1}'", f"trainig: {UNKNOWN} training"),
    ("misspelt within", "'training={stps: 1}'", f"training.stps: {UNKNOWN} training.steps"),
    ("misspelt in a list", "model.attention[0].kernal=3",
     f"model.attention[0].kernal: {UNKNOWN} model.attention[0].kernel"),
    ("beyond a list", "model.attention[9].kernel=3", f"model.attention[9].kernel: {UNKNOWN} model.attention[0].kernel"),
    ("two dots", "training..steps=1", f"training..steps: {UNKNOWN} training.steps"),
    ("a word for a number", "training.steps=many", f"training.steps: expected an integer, {GIVEN} text 'many'"),
    ("a fraction", "training.steps=1.5", f"training.steps: expected an integer, {GIVEN} float 1.5"),
    ("no value", "training.steps", "training.steps: expected key=value, such as training.steps=1000"),
    ("no key", "=3", "=3: expected key=value, such as training.steps=1000"),
    ("no YAML", "training.steps=[1", "training.steps: expected a YAML value, got '[1'"),
    ("a reference to nothing", "'data.root=${data.nowhere}'",
     f"{REFERENCE}Interpolation key 'data.nowhere' not found)"),
    ("half a reference", "'data.root=${'", f"{REFERENCE}no viable alternative at input '${{')"),
    ("a value left out", "data.root=???",
     f"{REFERENCE}Structured config of type `DataConfig` has missing mandatory value: root)"),
    ("an unset variable", "'data.root=${oc.env:NOWHERE}'",
     f"{REFERENCE}KeyError raised while resolving interpolation: \"Environment variable 'NOWHERE' not found\")"),
)  # fmt: skip
VALUES = table(
    TRAIN,
    ("one side", "model.image_size=[256]",
     "model.image_size: expected height and width, two positive integers; got [256]"),
    ("three sides", "model.image_size=[256,256,3]",
     "model.image_size: expected height and width, two positive integers; got [256, 256, 3]"),
    ("no width", "model.image_size=[256,0]",
     "model.image_size: expected height and width, two positive integers; got [256, 0]"),
    ("negative", "model.image_size=[256,-32]",
     "model.image_size: expected height and width, two positive integers; got [256, -32]"),
    ("indivisible", "model.image_size=[64,46]",
     "model.image_size: expected both sides divisible by 4, the largest stride; got [64, 46]"),
    ("broken tokens", "model.token_stride=3",
     "model.image_size: expected both sides divisible by 3, model.token_stride; got [32, 32]"),
    ("small", "model.image_size=[4,4]", "model.image_size: expected sides of 8 or more; got [4, 4]"),
    ("tokens", "model.token_stride=0",
     "model.token_stride: expected a multiple of 1, the largest stride without attention; got 0"),
    ("channels", "model.channels=48", "model.channels: expected a positive multiple of 32; got 48"),
    ("no channels", "model.channels=0", "model.channels: expected a positive multiple of 32; got 0"),
    ("no levels", "model.channel_multipliers=[]", "model.channel_multipliers: expected two or more; got []"),
    ("one level", "model.channel_multipliers=[1]", "model.channel_multipliers: expected two or more; got [1]"),
    ("multiplier", "model.channel_multipliers=[1,1,0]", "model.channel_multipliers[2]: expected 1 or more; got 0"),
    ("dropout", "model.dropout=1.5", "model.dropout: expected from 0 to 1; got 1.5"),
    ("no flow", "model.flow=false", "model.flow: expected true, or model.self_calibration=false too; got False"),
    ("no attention", "model.attention=[]",
     "model.attention: expected the deepest strides, rising, above 1, the last 4 (as model.channel_multipliers says)"),
    ("kernel", "model.attention[1].kernel=0", "model.attention[1].kernel: expected 1 or more; got 0"),
    ("radius", "model.attention[1].radius=0", "model.attention[1].radius: expected 1 or more; got 0"),
    ("strides", "model.attention[1].stride=8",
     "model.attention: expected the deepest strides, rising, above 1, the last 4 (as model.channel_multipliers says)"),
    ("resize", "data.resize=stretch", "data.resize: expected one of squeeze, pad, crop; got stretch"),
    ("workers", "data.workers=-1", "data.workers: expected 0 or more; got -1"),
    ("damaged", "data.max_damaged=-0.1", "data.max_damaged: expected from 0 to 1; got -0.1"),
    ("all damaged", "data.max_damaged=1.1", "data.max_damaged: expected from 0 to 1; got 1.1"),
    ("features", "loss.features=vgg16", "loss.features: expected one of vgg19, pixels; got vgg16"),
    ("correctness", "loss.correctness_weight=-1", "loss.correctness_weight: expected 0 or more; got -1.0"),
    ("least", "loss.min_snr=0.1 loss.least_weight=11",
     "loss.least_weight: expected up to 10, 1 / loss.min_snr; got 11.0"),
    ("output", "training.output=", "training.output: expected a folder; got nothing"),
    ("steps", "training.steps=0", "training.steps: expected 1 or more; got 0"),
    ("batch", "training.batch_size=0", "training.batch_size: expected 1 or more; got 0"),
    ("passes", "training.accumulation=0", "training.accumulation: expected 1 or more; got 0"),
    ("reports", "training.log_every=0", "training.log_every: expected 1 or more; got 0"),
    ("pictures", "training.picture_every=0", "training.picture_every: expected 1 or more; got 0"),
    ("checkpoints", "training.checkpoint_every=0", "training.checkpoint_every: expected 1 or more; got 0"),
    ("kept", "training.keep_last=0", "training.keep_last: expected 1 or more; got 0"),
    ("kept for good", "training.keep_every=-1", "training.keep_every: expected 0 or more; got -1"),
    ("seed", "training.seed=-1", "training.seed: expected 0 or more; got -1"),
    ("warm-up", "training.warmup_steps=-1", "training.warmup_steps: expected 0 or more; got -1"),
    ("rate", "training.learning_rate=0", "training.learning_rate: expected a number above 0; got 0.0"),
    ("endless rate", "training.learning_rate=1e999", "training.learning_rate: expected a number above 0; got inf"),
    ("clip", "training.gradient_clip=0", "training.gradient_clip: expected a number above 0; got 0.0"),
    ("conditions", "training.condition_dropout=1.1", "training.condition_dropout: expected from 0 to 1; got 1.1"),
    ("average", "training.ema_decay=1", "training.ema_decay: expected from 0 to below 1; got 1.0"),
    ("parallel", "training.parallel=dp", "training.parallel: expected one of ddp, fsdp; got dp"),
    ("precision", "training.precision=fp32", "training.precision: expected one of no, tf32, bf16, fp16; got fp32"),
    ("memory", "training.gradient_checkpointing=all",
     "training.gradient_checkpointing: expected one of none, blocks, levels; got all"),
    ("drawn precision", "sampling.precision=fp64",
     "sampling.precision: expected one of no, tf32, bf16, fp16; got fp64"),
    ("early start", "sampling.start=99", "sampling.start: expected from 100 to 999; got 99"),
    ("late start", "sampling.start=1000", "sampling.start: expected from 100 to 999; got 1000"),
    ("one end", "sampling.guidance_interval=[400]",
     "sampling.guidance_interval: expected two times t from 0 to 999, the lower one first; got 400"),
    ("turned", "sampling.guidance_interval=[400,100]",
     "sampling.guidance_interval: expected two times t from 0 to 999, the lower one first; got 400 100"),
    ("low end", "sampling.guidance_interval=[-1,100]",
     "sampling.guidance_interval: expected two times t from 0 to 999, the lower one first; got -1 100"),
    ("high end", "sampling.guidance_interval=[0,1000]",
     "sampling.guidance_interval: expected two times t from 0 to 999, the lower one first; got 0 1000"),
    ("sampler", "sampling.sampler=euler", "sampling.sampler: expected one of ddim, ddpm, dpm++, unipc; got euler"),
    ("no sampling", "sampling.steps=0", "sampling.steps: expected a whole number from 1 to 1000; got 0"),
    ("long sampling", "sampling.steps=1001", "sampling.steps: expected a whole number from 1 to 1000; got 1001"),
    ("uneven steps", "sampling.sampler=ddim sampling.steps=3",
     "sampling.steps: expected a number whose equal steps begin near t = 1000, such as 50 or 500, for ddim; got 3"),
    ("guidance", "sampling.guidance=-0.5", "sampling.guidance: expected 0 or more; got -0.5"),
)  # fmt: skip
ROWS = READING + WORDS + VALUES


def write_inputs(here):
    """The configuration files."""
    for name, text, _ in FILES:
        (here / f"{name}.yaml").write_text(text)
