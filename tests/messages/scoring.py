"""python -m evaluation and evaluation.reference."""

import json
import shutil

import numpy as np
import torch

from tests.evaluation.sets import save
from tests.evaluation.weights import _states
from tests.messages.runner import table
from tests.messages.stock import like_root

from torchvision.models import inception_v3  # isort: skip

SCORE = "python -m evaluation --generated ours --data root --protocol clean --metrics l1 --out scores"
COMPARE = "python -m evaluation --data root --protocol clean --metrics l1 --out scores --compare"
FID = f"{SCORE} --protocol cfld --metrics fid"
REFERENCE = "python -m evaluation.reference --protocol cfld --out new.npz --weights weights"
FIRST, SECOND = "fashionb1_2_fashionb2_vis", "fashionb2_2_fashionb1_vis"
INCEPTION = "inception_v3_google-0cc3c7bd.pth"
MAKE = "; make one with python -m evaluation.reference"

ASKED = [
    *table(
        "python -m evaluation --data root",
        ("nothing to score", "", "--generated: required, and not given; or --compare"),
        ("one to compare", "--compare ours", "--compare: expected two folders or more, got ours alone"),
        ("both", "--compare ours others --generated ours", "--generated: not allowed with argument --compare"),
    ),
    *table("python -m evaluation", ("no data", "--generated ours", "--data: required, and not given")),
    *table(
        SCORE,
        ("an unknown protocol", "--protocol paper",
         "--protocol: expected one of 'pidm', 'gfla', 'cfld', 'clean', 'market', got 'paper'"),
        ("an unknown measure", "--metrics ssin",
         "--metrics: expected one of 'ssim', 'psnr', 'l1', 'mae', 'lpips', 'fid', 'kid', 'pr', got 'ssin'"),
        ("no pairs", "--limit 0", "--limit: expected a whole number, 1 or more, got '0'"),
        ("an unknown flag", "--measure l1", "--measure l1: not known; --help lists the flags"),
    ),
]  # fmt: skip
RESULTS = [
    *table(
        SCORE,
        ("no such results", "--generated nowhere",
         "nowhere: expected the folder of generated pictures, got no such folder"),
        ("no results", "--generated empty", "empty: expected the generated pictures, got an empty folder"),
        ("a missing result", "--generated lacking", f"lacking/{FIRST}.png: no such file; 1 of 2 results are missing"),
        ("a stray", "--generated stray", "stray/a.png: belongs to no pair of test_pairs.txt"),
        ("strays", "--generated strays", "strays/a.png: belongs to no pair of test_pairs.txt, nor do 2 others"),
        ("two of a pair", "--generated double",
         f"double/{FIRST}.png: shows the same pair as {FIRST}.jpg; expected one picture of each pair"),
        ("sizes", "--generated sizes",
         f"sizes/{SECOND}.png: is 24 x 16 (height x width), 1 of 2 pictures are 30 x 20; protocol clean scores pictu"),
        ("no picture", "--generated text",
         f"text/{FIRST}.png: expected a whole image, got one that cannot be read (cannot identify image file 'text/f"),
        ("half a picture", "--generated cropped",
         f"cropped/{FIRST}.png: expected a whole image, got one that cannot be read (image file is truncated)"),
        ("half a photo", "--data halved",
         "halved/img/b/2.png: expected a whole image, got one that cannot be read (image file is truncated)"),
        ("small pictures", "--generated tiny-ones --metrics ssim",
         "tiny-ones: SSIM of protocol clean needs 11 pixels a side, got 8 x 8"),
        ("a name that is taken", "--generated 'source copied' --copy-source",
         "source copied: its name stands for --copy-source; rename it"),
        ("no data", "--data nowhere",
         "nowhere: expected a folder that holds img/, pose/, train_pairs.txt and test_pairs.txt"),
        ("no photo", "--data photoless", "photoless/test_pairs.txt:2: img/b/3.png is not there, below photoless"),
        ("a pair twice", "--data again",
         "again/test_pairs.txt:3: img/b/2.png -> img/b/1.png is the same pair as in again/test_pairs.txt:1"),
        ("a name twice", "--data same",
         f"same/test_pairs.txt:2: img/b/2.jpg -> img/b/1.png would give {SECOND}, the same name as in same/test_pair"),
        ("no poses to mask by", "--data uncovered --protocol market",
         "uncovered/test_pairs.txt:1: img/b/1.png has no keypoint file below uncovered/pose"),
        ("cropped photos masked", "--generated crops --protocol market",
         "crops: shows cropped photos, which protocol market does not score"),
    ),
    *table(
        COMPARE,
        ("a missing result", "ours lacking", f"lacking/{FIRST}.png: no such file; 1 of 2 results are missing"),
        ("one twice", "ours ./ours", "./ours: given twice"),
        ("crops with others", "crops ours",
         "ours: does not show photos cropped to 24 x 16, as crops does; these cannot be compared"),
    ),
]  # fmt: skip
OUTPUTS = table(
    SCORE,
    ("a file", "--out text.jpg", "text.jpg: expected a folder that can be written (File exists)"),
    ("within a file", "--out text.jpg/a", "text.jpg/a: expected a folder that can be written (Not a directory)"),
    ("among the results", "--out ours/scores",
     "ours/scores: lies within ours, whose pictures are read; choose another folder"),
    ("among the photos", "--out root/img/a",
     "root/img/a: lies within root/img, whose pictures are read; choose another folder"),
    ("a cache of results", "--cache ours/c",
     "ours/c: lies within ours, whose pictures are read; choose another folder"),
    ("a cache of photos", "--cache root/img/c",
     "root/img/c: lies within root/img, whose pictures are read; choose another folder"),
    ("a folder in the way", "--out full", "full/metrics.json: expected a file or nothing, got a folder"),
    ("other scores", "--out scored",
     "scored: holds scores of another --metrics, --limit; choose another folder by --out"),
    ("damaged scores", "--out scoreless", "scoreless/metrics.json: expected scores, got something else ('flags')"),
)  # fmt: skip
REFERENCES = table(
    FID,
    ("no such reference", "--fid-reference nowhere",
     "nowhere: expected a folder of images or an .npz file of statistics, got neither"),
    ("no such file", "--fid-reference none.npz",
     "none.npz: expected a folder of images or an .npz file of statistics, got neither"),
    ("no images", "--fid-reference empty", "empty: expected a folder of images, got one without any"),
    ("a broken link", "--fid-reference linked",
     "linked/a.png: expected an image or a folder, got a link to what is not there"),
    ("no statistics", "--fid-reference text.npz",
     "text.npz: damaged, or no file of statistics (This file contains pickled (object) data. If you trust the file y"),
    ("half of them", "--fid-reference half.npz",
     "half.npz: damaged, or no file of statistics (File is not a zip file); make one with python -m evaluation.refer"),
    ("pytorch-fid's own", "--fid-reference theirs.npz",
     "theirs.npz: does not tell how it was made, from which pictures and weights; make one with python -m evaluation"),
    ("no such weights", "--weights nowhere",
     "nowhere: expected the folder of the networks' weights, got no such folder"),
    ("damaged weights", "--weights spoiled",
     f"spoiled/{INCEPTION}: expected a checkpoint, a file of torch.save; it is something else"),
    ("other weights", "--weights strange",
     f"strange/{INCEPTION}: expected Inception v3 of 1000 classes; fc.weight is (7, 2048), not (1000, 2048)"),
) + table(
    f"{REFERENCE} --data root",
    ("an unknown protocol", "--protocol fid",
     "--protocol: expected one of 'pidm', 'gfla', 'cfld', 'clean', 'market', got 'fid'"),
    ("no size", "--protocol clean", "--size: required: pictures of protocol clean have the generated ones' size"),
    ("another size", "--size 64x64", "--size: protocol cfld has pictures of 256 x 176, none of another size"),
    ("half a size", "--size 64", "--size: expected HEIGHTxWIDTH in pixels from 1, such as 256x176, got '64'"),
    ("another ending", "--out stats.pkl", "--out: expected a file to write whose name ends in .npz, got 'stats.pkl'"),
    ("a folder", "--out empty", "--out: expected a file to write whose name ends in .npz, got 'empty'"),
    ("within a file", "--out text.jpg/a.npz", "text.jpg: expected a folder that can be written (File exists)"),
    ("weights elsewhere", "--weights empty", f"--weights: put {INCEPTION} at empty/{INCEPTION}"),
    ("no such weights", "--weights nowhere",
     "nowhere: expected the folder of the networks' weights, got no such folder"),
    ("both", "--images ours", "--images: not allowed with argument --data"),
    ("no lists", "--data bare",
     "--data: no real images to compare with: bare/train.lst and bare/train_pairs.txt are not there, and none are gi"),
    ("a name twice", "--data listed-1", "listed-1/train.lst:2: img/a/1.png stands in line 1 already"),
    ("no such photo", "--data listed-2", "listed-2/train.lst:2: img/none.jpg is not there, below listed-2"),
    ("no such name", "--data listed-3",
     "listed-3/train.lst:2: no image below listed-3/img has the name 'fashionMENnone.jpg'"),
    ("beyond the data", "--data listed-4", "listed-4/train.lst:1: img/../../text.jpg is not there, below listed-4"),
    ("an empty list", "--data listed-5",
     "listed-5/train.lst: expected an image's name in each line, got an empty file"),
    ("bytes", "--data listed-6", "listed-6/train.lst: expected a text file with an image's name in each line"),
    ("no photo of a pair", "--data grown", "grown/train_pairs.txt:3: img/a/3.png is not there, below grown"),
) + table(
    REFERENCE,
    ("neither", "", "--data: required, and not given; or --images"),
    ("half an image", "--images cropped",
     f"cropped/{FIRST}.png: expected a whole image, got one that cannot be read (image file is truncated)"),
    ("one image", "--images one", "one: expected two images or more in a folder or list, got 1"),
    ("a file", "--images text.npz", "text.npz: expected two images or more in a folder or list, got 0"),
)  # fmt: skip
ROWS = ASKED + RESULTS + OUTPUTS + REFERENCES
UNDER_WAY = table(
    FID,
    ("no weights", "--weights empty",
     f"fid: not computed: put {INCEPTION} at empty/{INCEPTION}; --allow-missing accepts that"),
)  # fmt: skip
LISTS = (
    "img/a/1.png\nimg/a/1.png\n", "img/a/1.png\nimg/none.jpg\n", "\nfashionMENnone.jpg\n", "img/../../text.jpg\n",
    " \n\n", b"\xff\xfe",
)  # fmt: skip


def write_inputs(here):
    """Results, scores, references and weights, each with a fault."""
    for name in ("ours", "others", "source copied", "crops", "lacking", "stray", "strays", "double", "sizes", "text"):
        write_results(here / name)
    write_results(here / "cropped")
    write_results(here / "tiny-ones", size=(8, 8))
    spoil_results(here)
    for name in ("scores", "full/metrics.json", "scored", "scoreless", "linked", "weights", "spoiled", "strange"):
        (here / name).mkdir(parents=True)
    asked = {"generated": "ours", "data": "root", "protocol": "clean", "metrics": ["l1", "psnr"], "limit": 2}
    (here / "scored/metrics.json").write_text(json.dumps({"flags": asked | {"copy_source": False}}))
    (here / "scoreless/metrics.json").write_text("{}")
    write_references(here)
    pairs = (here / "root/test_pairs.txt").read_text()
    (like_root(here, "again", "test_pairs.txt") / "test_pairs.txt").write_text(2 * pairs)
    uncovered = like_root(here, "uncovered", "pose") / "pose"
    shutil.copytree(here / "root/pose", uncovered)
    (uncovered / "b/1.txt").unlink()


def write_results(folder, size=(24, 16)):
    """Of the two test pairs of `root`."""
    for seed, name in enumerate((FIRST, SECOND)):
        save(folder / f"{name}.png", seed, size)


def spoil_results(here):
    """Give each folder of results its fault."""
    (here / "lacking" / f"{FIRST}.png").unlink()
    for name in ("stray/a.png", "strays/b.png", "strays/a.png", "strays/c.jpg", f"double/{FIRST}.jpg"):
        save(here / name, 0)
    save(here / "sizes" / f"{FIRST}.png", 0, (30, 20))
    (here / "text" / f"{FIRST}.png").write_text("No picture.")
    half = here / "cropped" / f"{FIRST}.png"
    half.write_bytes(half.read_bytes()[:100])
    (here / "crops/settings.json").write_text('{"resize": "crop"}')


def write_references(here):
    """Real images, statistics of them, and weights."""
    save(here / "one/1.png", 0)
    (here / "linked/a.png").symlink_to("nothing")
    (here / "text.npz").write_text("No statistics.")
    np.savez(here / "theirs.npz", mu=np.zeros(8), sigma=np.zeros((8, 8)))
    (here / "half.npz").write_bytes((here / "theirs.npz").read_bytes()[:300])
    states = _states(inception_v3, init_weights=False)
    zeros = {name: torch.zeros((), dtype=tensor.dtype).expand(tensor.shape) for name, tensor in states.items()}
    torch.save(zeros, here / "weights" / INCEPTION)
    torch.save(zeros | {"fc.weight": torch.zeros(7, 2048)}, here / "strange" / INCEPTION)
    (here / "spoiled" / INCEPTION).write_text("No weights.")
    for number, content in enumerate(LISTS, 1):
        path = like_root(here, f"listed-{number}") / "train.lst"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
