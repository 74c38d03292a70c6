"""Data sets, as programs that draw, train and prepare meet them."""

import shutil

from data.store_writer import StoreWriter
from tests.messages.runner import table
from tests.messages.stock import like_root

DRAW = "python test.py --checkpoint tiny --out drawn"
GRID = "python scripts/grid.py --checkpoint tiny --generated results --out grid.png"
TRAIN = "python train.py tiny.yaml"
PREPARE = "python data/prepare_data.py --root root --out new --size 32x32 --workers 1"
LINES = "lines `TARGET,SOURCE[,SOURCE ..]`"
ROW = "rows `x y`"
SIZE = "--size: expected HEIGHTxWIDTH in pixels from 1, such as 256x176"
STANDING = [f"{100 + n}.0 {20 + n}.5" for n in range(18)]

LISTS = (  # Name of the data set, file, content, sentence.
    ("blank", "test_pairs.txt", "\n\n", f"blank/test_pairs.txt: expected {LINES}, got an empty file"),
    ("void", "test_pairs.txt", "", f"void/test_pairs.txt: expected {LINES}, got an empty file"),
    ("binary", "test_pairs.txt", b"\xff\xfe\x00", f"binary/test_pairs.txt: expected a text file of {LINES}"),
    ("single", "test_pairs.txt", "img/b/1.png,img/b/2.png\nimg/b/1.png\n", "single/test_pairs.txt:2: expected "
     "`TARGET,SOURCE[,SOURCE ..]`, got one field, 'img/b/1.png'"),
    ("comma", "test_pairs.txt", "img/b/1.png,\n", "comma/test_pairs.txt:1: expected image paths below the root that "
     "begin with img/, got ''"),
    ("absolute", "test_pairs.txt", "img/b/1.png,img/b/2.png\n\n/data/img/a.jpg,img/b.jpg\n", "absolute/test_pairs.txt:"
     "3: expected image paths below the root that begin with img/, got '/data/img/a.jpg'"),
    ("outside", "test_pairs.txt", "img/../../a.jpg,img/b/1.png\n", "outside/test_pairs.txt:1: expected image paths "
     "below the root that begin with img/, got 'img/../../a.jpg'"),
    ("photoless", "test_pairs.txt", "img/b/1.png,img/b/2.png\nimg/b/1.png,img/b/3.png\n", "photoless/test_pairs.txt:2: "
     "img/b/3.png is not there, below photoless"),
    ("poseless", "test_pairs.txt", "img/b/3.png,img/b/2.png\n", "poseless/test_pairs.txt:1: img/b/3.png has no "
     "keypoint file below poseless/pose"),
    ("headless", "test_pairs.csv", "b/1.png,b/2.png\n", "headless/test_pairs.csv:1: expected the heading `from,to`, "
     "got 'b/1.png,b/2.png'"),
    ("nil", "test_pairs.csv", "", "nil/test_pairs.csv:1: expected the heading `from,to`, got 'nothing'"),
    ("column", "test_pairs.csv", "from,to\nb/1.png\n", "column/test_pairs.csv:2: expected two images, got 1"),
    ("nobody", "test_pairs.csv", "from,to\nfashionb1,nobody.jpg\n", "nobody/test_pairs.csv:2: nobody.jpg is the name "
     "of 0 images below nobody/img, expected one"),
    ("escape", "test_pairs.csv", "from,to\nfashionb1,../../etc/passwd\n", "escape/test_pairs.csv:2: ../../etc/passwd "
     "is the name of 0 images below escape/img, expected one"),
    ("heading", "test_pairs.csv", "from,to\n", f"heading/test_pairs.csv: expected {LINES}, got an empty file"),
    ("object", "test_pairs.json", "{}", "object/test_pairs.json: expected a list of objects with source_image and "
     "target_image"),
    ("three", "test_pairs.json", "[3]", "three/test_pairs.json: [0]: expected source_image and target_image"),
    ("bracket", "test_pairs.json", "[", "bracket/test_pairs.json: expected JSON (Expecting value: line 1 column 2"),
)  # fmt: skip
POSES = (  # Name of the data set, the lines of pose/b/1.txt, sentence.
    ("few", STANDING[:17], f"few/pose/b/1.txt:17: expected 18 {ROW}, got 17"),
    ("more", [*STANDING, "1 2"], f"more/pose/b/1.txt:19: expected 18 {ROW}, got 19"),
    ("none", [], f"none/pose/b/1.txt:1: expected 18 {ROW}, got 0"),
    ("neck", [*STANDING[:3], "neck 4", *STANDING[4:]], "neck/pose/b/1.txt:4: expected two numbers `x y`, got 'neck 4'"),
    ("deep", [*STANDING[:3], "1 2 3", *STANDING[4:]], "deep/pose/b/1.txt:4: expected two numbers `x y`, got '1 2 3'"),
    ("nan", [*STANDING[:9], "nan 4", *STANDING[10:]], "nan/pose/b/1.txt:10: expected coordinates within +-10000, got "),
    ("inf", [*STANDING[:9], "inf 4", *STANDING[10:]], "inf/pose/b/1.txt:10: expected coordinates within +-10000, got "),
    ("far", [*STANDING[:9], "1e300 4", *STANDING[10:]], "far/pose/b/1.txt:10: expected coordinates within +-10000, go"),
    ("bytes", ["\udcff\udcd8"], f"bytes/pose/b/1.txt: expected a text file of 18 {ROW}"),
)
TESTED = [
    *table(DRAW, *((f"list {name}", f"--data {name}", sentence) for name, _, _, sentence in LISTS)),
    *table(GRID, *((f"pose {name}", f"--data {name}", sentence) for name, _, sentence in POSES)),
    *table(
        DRAW,
        ("no data", "--data nowhere",
         "nowhere: expected a folder that holds img/, pose/, train_pairs.txt and test_pairs.txt"),
        ("a file", "--data text.jpg",
         "text.jpg: expected a folder that holds img/, pose/, train_pairs.txt and test_pairs.txt"),
        ("no pair lists", "--data bare", "bare/test_pairs.txt: expected a pair file, got: No such file or directory"),
    ),
    *table(
        GRID,
        ("half a photo", "--data halved",
         "halved/img/b/2.png: expected a whole image, got one that cannot be read (image file is truncated)"),
        ("two pairs of one name", "--data same",
         "same/test_pairs.txt:2: img/b/2.jpg would give fashionb2_2_fashionb1_vis.png, the same name as another pair"),
        ("no result", "--data root", "results/fashionb2_2_fashionb1_vis.png: expected an image, got no such file"),
    ),
]  # fmt: skip
TRAINED = table(
    TRAIN,
    ("no data", "data.root=nowhere",
     "nowhere: expected a folder that holds img/, pose/, train_pairs.txt and test_pairs.txt"),
    ("no pair lists", "data.root=bare", "bare/test_pairs.txt: expected a pair file, got: No such file or directory"),
    ("no training list", "data.root=untrained",
     "untrained/train_pairs.txt: expected a pair file, got: No such file or directory"),
    ("no training poses", "data.root=unposed",
     "unposed/train_pairs.txt:1: img/a/2.png has no keypoint file below unposed/pose"),
    ("half a test photo", "data.root=halved",
     "halved/img/b/2.png: expected a whole image, got one that cannot be read (image file is truncated)"),
    ("no data base", "data.lmdb=nowhere", "nowhere/32-32: expected a data base of 32x32 images (model.image_size), made"
     " by `python data/prepare_data.py --root ROOT --out nowhere --size 32x32`"),
    ("another size", "model.image_size=[64,32]",
     "lmdb/64-32: lmdb holds 32-32, expected a data base of 64x32 images (model.image_size), made by `python data/pr"),
    ("images of another size", "model.image_size=[64,32] data.lmdb=resized",
     "resized/64-32: holds images of 32x32 (img/a/2.png), but model.image_size asks for 64x32"),
    ("images resized otherwise", "data.resize=pad",
     "data.resize: pad, but lmdb/32-32 holds images made by squeeze; prepare others"),
    ("no data base in it", "data.lmdb=garbage",
     "garbage/32-32: expected an image data base, which this is not (MDB_INVALID: File is not an LMDB file)"),
    ("half a data base", "data.lmdb=cut", "cut/32-32: expected a whole data base of "),
    ("a new image", "data.root=grown", "grown/train_pairs.txt:3: img/a/3.png is not in lmdb/32-32"),
    ("only damaged images", "data.lmdb=spoilt",
     "spoilt/32-32: expected a PNG image under the key img/a/2.png (this is none)"),
)  # fmt: skip
PREPARED = [
    *table(PREPARE, *(
        (f"size {size}", f"--size={size}", f"{SIZE}, got '{size}'")
        for size in ("0", "0x256", "256", "256x", "axb", "256x-1", "256x256x3", "", "2.5x3")
    )),
    *table(
        PREPARE,
        ("no workers", "--workers 0", "--workers: expected a whole number, 1 or more, got '0'"),
        ("an unknown resize", "--resize stretch", "--resize: expected one of 'squeeze', 'pad', 'crop', got 'stretch'"),
        ("no data", "--root nowhere",
         "nowhere: expected a folder that holds img/, pose/, train_pairs.txt and test_pairs.txt"),
        ("no training list", "--root untrained",
         "untrained/train_pairs.txt: expected a pair file, got: No such file or directory"),
        ("no test list", "--root untested",
         "untested/test_pairs.txt: expected a pair file, got: No such file or directory"),
        ("two endings", "--root endings", "endings/test_pairs.txt:2: img/b/1.jpg differs only in its ending from img/b/"
         "1.png (endings/test_pairs.txt:1)"),
        ("a file", "--out text.jpg", "text.jpg: could not be written (File exists; "),
        ("another resize", "--out lmdb --resize pad",
         "--resize pad: lmdb/32-32 holds images made by squeeze; name another --out"),
        ("nothing given", "--roo root", "--roo root: not known; --help lists the flags"),
    ),
    *table("python data/prepare_data.py", ("no root", "--out new", "--root: required, and not given")),
]  # fmt: skip
ROWS = TESTED + TRAINED + PREPARED
UNDER_WAY = [
    *table(
        f"{DRAW} --workers 0",
        ("half a photo", "--data halved",
         "halved/img/b/2.png: expected a whole image, got one that cannot be read (image file is truncated)"),
        ("few rows of a pose", "--data few", f"few/pose/b/1.txt:17: expected 18 {ROW}, got 17"),
    ),
    *table(PREPARE, ("half a photo", "--root halved", "new/32-32 was not finished for these 2 images: mend them", 1)),
]  # fmt: skip


def write_inputs(here):
    """Data sets, each with a fault, and data bases."""
    for name, file, content, _ in LISTS:
        path = like_root(here, name, "test_pairs.txt") / file
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for name, lines, _ in POSES:
        pose = like_root(here, name, "pose") / "pose"
        shutil.copytree(here / "root/pose", pose)
        (pose / "b/1.txt").write_text("".join(f"{line}\n" for line in lines), errors="surrogateescape")
    like_root(here, "bare", "train_pairs.txt", "test_pairs.txt")
    like_root(here, "untrained", "train_pairs.txt")
    like_root(here, "untested", "test_pairs.txt")
    pairs = like_root(here, "endings", "test_pairs.txt") / "test_pairs.txt"
    pairs.write_text("img/b/1.png,img/b/2.png\nimg/b/2.png,img/b/1.jpg\n")
    halved = like_root(here, "halved", "img") / "img"
    shutil.copytree(here / "root/img", halved)
    for photo in halved.rglob("b/*.png"):
        photo.write_bytes(photo.read_bytes()[:600])
    same = like_root(here, "same", "img", "test_pairs.txt")
    shutil.copytree(here / "root/img", same / "img")
    shutil.copy(same / "img/b/2.png", same / "img/b/2.jpg")
    (same / "test_pairs.txt").write_text("img/b/1.png,img/b/2.png\nimg/b/1.png,img/b/2.jpg\n")
    unposed = like_root(here, "unposed", "pose") / "pose"
    shutil.copytree(here / "root/pose", unposed)
    (unposed / "a/2.txt").unlink()
    grown = like_root(here, "grown", "train_pairs.txt") / "train_pairs.txt"
    grown.write_text((here / "root/train_pairs.txt").read_text() + "img/a/1.png,img/a/3.png\n")
    (here / "results").mkdir()
    write_bases(here)


def write_bases(here):
    """Data bases that cannot be used."""
    for name in ("garbage", "cut"):
        (here / name / "32-32").mkdir(parents=True)
    (here / "garbage/32-32/data.mdb").write_bytes(b"no data base" * 1000)
    with StoreWriter(here / "whole", (32, 32), 4) as writer:
        writer.write([(f"img/{n}.png", bytes(200_000)) for n in range(4)])
        writer.finish()
    content = (here / "whole/32-32/data.mdb").read_bytes()
    (here / "cut/32-32/data.mdb").write_bytes(content[: len(content) // 2])
    (here / "resized").mkdir()
    (here / "resized/64-32").symlink_to(here / "lmdb/32-32")
    with StoreWriter(here / "spoilt", (32, 32), 4) as writer:
        writer.write([(f"img/{name}.png", b"no image") for name in ("a/1", "a/2", "b/1", "b/2")])
        writer.finish()
