"""Poses as people give them: to app.transfer, data/import_dataset.py and data/market1501.py."""

import json
import shutil

import numpy as np
from PIL import Image

from tests.app.transferring import GALLERY, openpose
from tests.messages.drawing import TRANSFER
from tests.messages.runner import table

IMPORT = "python data/import_dataset.py --images loose --keypoints loose --out new"
MARKET = "python data/market1501.py --root Market --out new"
SYNTHETIC = "python data/synthetic.py --out new --identities 1 --poses 2 --workers 1"
FORMS = "expected keypoints in one of the forms pidm, csv, openpose, coco, rtmpose, got"
GALLERY_POSE = "expected a pose of the gallery"
NO_PEOPLE = 'expected JSON with "people", "annotations", "instance_info" or a list of people'
VALUES = json.loads((GALLERY / "person.json").read_text())["people"][0]["pose_keypoints_2d"]
COORDINATES = [[int(value) for value in VALUES[place::3]] for place in (1, 0)]  # y, x
CSV = "name:keypoints_y:keypoints_x\na b.jpg: {}: {}\n"
COCO = [{"image_id": name, "keypoints": [50 + place for place in range(51)]} for name in ("a.jpg", "b.jpg")]


def one_person(values, **more):
    """OpenPose's JSON."""
    return json.dumps({"people": [{"pose_keypoints_2d": values}], **more})


FILES = (  # Name, content, sentence.
    ("few.json", openpose("arms-up", joints=5), "few.json: expected at least 6 joints on the picture, got 5"),
    ("large.json", openpose("arms-up", scale=9), "large.json: expected at least 6 joints on the picture, got 0"),
    ("void.json", "", f"void.json: {FORMS} ''"),
    ("hello.json", "Hello, you there.", f"hello.json: {FORMS} 'Hello, you there.'"),
    ("broken.json", '{"people": [', "broken.json: expected JSON ("),
    ("nested.json", "[" * 100_000, "nested.json: expected JSON ("),
    ("open.json", '["waving"', "open.json: expected JSON ("),
    ("nobody.json", '{"people": []}', "nobody.json: expected people, got none"),
    ("unseen.json", one_person([0.0] * 75), "unseen.json: expected people, got none"),
    ("object.json", "{}", f"object.json: {NO_PEOPLE}"),
    ("empty.json", "[]", f"empty.json: {NO_PEOPLE}"),
    ("mixed.json", '["waving", 3]', f"mixed.json: {NO_PEOPLE}"),
    ("itself.json", '["itself.json"]', f"itself.json: {NO_PEOPLE}"),
    ("three.json", '{"people": 3}', 'three.json: expected "people" to be a list of objects'),
    ("short.json", one_person([1.0] * 53), "short.json: people[0]: expected 75 or 54 numbers, got 53 values"),
    ("nan.json", one_person([float("nan"), *VALUES[1:]]), "nan.json: people[0]: expected numbers within +-10000"),
    ("inf.json", one_person([float("inf"), *VALUES[1:]]), "inf.json: people[0]: expected numbers within +-10000"),
    ("canvas.json", one_person(VALUES, canvas_height="x", canvas_width=9), "canvas.json: expected a height and a widt"),
    ("video.json", json.dumps({"instance_info": [{"frame_id": 1, "instances": []}]}), "video.json: expected the peopl"),
    ("pictures.json", json.dumps(COCO), "pictures.json: expected the pose of one picture, got those of 2"),
    ("list.json", '["arms-up", "siting"]', f"siting: {GALLERY_POSE} (sitting or standing?): arms-up, back, "),
    ("lost.json", '["waving", "none.json"]', "none.json: expected a keypoint file, got no such file"),
    ("far.json", '["waving", "of/none"]', "of/none: expected a keypoint file, got no such file"),
    ("odd.json", '["a\\u0000b"]', f"'a\\x00b': {GALLERY_POSE}: arms-up, back, "),
    ("single.txt", "1 2\n", "single.txt:1: expected 18 rows `x y`, got 1"),
    ("again.csv", CSV.format(*COORDINATES) * 2, "again.csv:4: expected each picture once, got a b.jpg again"),
    ("letters.csv", "a:b:c", "letters.csv:1: expected JSON ("),
    ("one.csv", "a:[1]:[2]", "one.csv:1: expected 18 numbers, got 1 values"),
)
GIVEN = [
    *table(TRANSFER, *((f"pose {name}", f"--target-pose {name}", sentence) for name, _, sentence in FILES)),
    *table(
        TRANSFER,
        ("a misspelt pose", "--target-pose siting",
         f"siting: {GALLERY_POSE} (sitting or standing?): arms-up, back, close-up, crossed-legs, dancing, facing-lef"),
        ("no such pose", "--target-pose qqqq",
         f"qqqq: {GALLERY_POSE}: arms-up, back, close-up, crossed-legs, dancing, facing-left, facing-right, hand-on-"),
        ("one of three", "--target-pose arms-up back siting",
         f"siting: {GALLERY_POSE} (sitting or standing?): arms-up, back, close-up, crossed-legs, dancing, facing-lef"),
        ("a misspelt source", "--source-pose arm-up",
         f"arm-up: {GALLERY_POSE} (arms-up?): arms-up, back, close-up, crossed-legs, dancing, facing-left, facing-ri"),
        ("no such file", "--target-pose none.json", "none.json: expected a keypoint file, got no such file"),
        ("no such folder", "--target-pose of/none", "of/none: expected a keypoint file, got no such file"),
        ("no such text", "--source-pose none.txt", "none.txt: expected a keypoint file, got no such file"),
        ("a photo", "--target-pose whole.png", "whole.png: expected a keypoint file, which is text"),
        ("an empty folder", "--target-pose empty", "empty: expected keypoint files (.json, .txt) in it, got none"),
        ("a bad folder", "--target-pose posed", "posed/b.txt:1: expected 18 rows `x y`, got 1"),
        ("nothing", "--target-pose=", "--target-pose: expected a file or a name, got nothing"),
        ("few joints", "--source-pose few.json", "few.json: expected at least 6 joints on the picture, got 5"),
        ("half a file", "--source-pose broken.json", "broken.json: expected JSON (Expecting value"),
        ("a folder", "--source-pose empty", "empty: expected one pose, got a folder"),
        ("no second one", "--person 1 --source-pose person.json",
         "person.json: expected a person number 1, got 1, counted from 0"),
    ),
]  # fmt: skip
IMPORTED = table(
    IMPORT,
    ("no photos", "--images nowhere", "--images nowhere: expected a folder"),
    ("none in it", "--images empty",
     "--images empty: expected photos (.jpg, .jpeg, .png, .webp, .bmp, .tif, .tiff), found none"),
    ("no keypoints", "--keypoints nowhere", "--keypoints nowhere: expected a folder or a file"),
    ("a file of one", "--keypoints person.json",
     "--keypoints person.json: expected a folder or a table; this is of one picture"),
    ("swapped columns", "--keypoints swapped.csv",
     "swapped.csv: expected keypoints_y before keypoints_x, but these columns look swapped"),
    ("a photo for a table", "--keypoints whole.png", "whole.png: expected a keypoint file, which is text"),
    ("a folder that is there", "--out empty", "--out empty: is there already; name a new folder"),
    ("half an expression", "--group-by (",
     "--group-by (: expected folder, or a regular expression (missing ), unterminated subpattern at position 0)"),
    ("nobody twice", "--group-by .*", "--images loose: expected two usable photos of a person, found none."),
    ("no match", "--group-by xyz",
     "--images loose: expected two usable photos of a person, found none. The first of 2 dropped: a/1.png: expected "),
    ("a share of letters", "--split half", "--split: expected a share from 0 to 1, got 'half'"),
    ("a large share", "--split 2", "--split: expected a share from 0 to 1, got '2'"),
    ("nobody", "--person -1", "--person: expected a whole number, 0 or more, got '-1'"),
    ("an unknown form", "--form openpos",
     "--form: expected one of 'pidm', 'csv', 'openpose', 'coco', 'rtmpose', got 'openpos'"),
    ("both", "--detect-pose", "--detect-pose: not allowed with argument --keypoints"),
    ("another frame", "--keypoints scaled",
     "--keypoints scaled: of another frame than the photos. a/1.png: most joints lie outside of its 128 x 88 pixels;"),
    ("an unknown flag", "--keypoint loose", "--keypoint loose: not known; --help lists the flags"),
) + table(
    "python data/import_dataset.py --images loose --out new",
    ("neither", "", "--keypoints: required, and not given; or --detect-pose"),
    ("a form of photos", "--detect-pose --form coco",
     "--form coco: is of keypoint files, and --detect-pose reads none"),
    ("no model", "--detect-pose",
     "--detect-pose: expected RTMO's model as cache/hub/checkpoints/rtmo-m_16xb16-600e_body7-640x640-39e78cc4_"),
    ("no such model", "--detect-pose mine.onnx",
     "--detect-pose: expected RTMO's model as mine.onnx, got no such file; https://download.openmmlab.com/mmpose/v1/"),
)  # fmt: skip
MARKETS = table(
    MARKET,
    ("no such folder", "--root nowhere", "--root nowhere: expected the folder of Market-1501"),
    ("a folder that is there", "--root market-4 --out empty", "--out empty: is there already; name a new folder"),
    ("no keypoints", "--root empty",
     "empty/market-annotation-train.csv: expected a keypoint file, got: No such file or directory"),
    ("no photo", "--root market-1",
     "market-1/bounding_box_train/0002_c1s1_000551_01.jpg: has keypoints, but is not there"),
    (
        "a pair of nobody",
        "--root market-2",
        "market-2/market-pairs-train.csv:2: expected `from,to`, two photos with keypo",
    ),
    ("no pair", "--root market-3", "market-3/market-pairs-train.csv: expected rows `from,to`, got none"),
    (
        "nobody twice",
        "--root market-4",
        "market-4/market-annotation-train.csv: expected two photos of a person, got none",
    ),
    ("an unknown flag", "--roots Market", "--roots Market: not known; --help lists the flags"),
)  # fmt: skip
DRAWN = table(
    SYNTHETIC,
    ("a file", "--out text.jpg", "--out text.jpg: is not a folder."),
    ("other arguments", "--out others", '--out others: holds a set drawn with other arguments ({"seed": 3}).'),
    ("nobody", "--identities 0", "--identities: expected a whole number, from 1 to 1000000, got '0'"),
    ("one pose", "--poses 1", "--poses: expected a whole number, from 2 to 9, got '1'"),
    ("a small size", "--size 8x8", "--size: expected HEIGHTxWIDTH in pixels from 16, such as 256x176, got '8x8'"),
    ("a large seed", "--seed 4294967296", "--seed: expected a whole number, from 0 to 4294967295, got '4294967296'"),
    ("an unknown preset", "--preset large", "--preset: expected one of 'demo', 'full', got 'large'"),
    ("no workers", "--workers 0", "--workers: expected a whole number, 1 or more, got '0'"),
) + table("python data/synthetic.py", ("no folder", "", "--out: required, and not given"))
ROWS = GIVEN + IMPORTED + MARKETS + DRAWN


def write_inputs(here):
    """Keypoint files, loose photos, and folders of Market-1501."""
    for name, content, _ in FILES:
        (here / name).write_text(content)
    (here / "swapped.csv").write_text(CSV.format(*COORDINATES[::-1]))
    (here / "posed").mkdir()
    (here / "posed/b.txt").write_text("1 2\n")
    (here / "others").mkdir()
    (here / "others/synthetic.json").write_text('{"seed": 3}')
    for folder, scale in (("loose", 0.25), ("scaled", 2)):
        (here / folder / "a").mkdir(parents=True)
        for number in (1, 2):
            (here / folder / f"a/{number}.json").write_text(one_person((np.array(VALUES) * scale).tolist()))
    for number in (1, 2):
        Image.new("RGB", (88, 128)).save(here / f"loose/a/{number}.png")
    for name in ("market-1", "market-2", "market-3", "market-4"):
        write_market(here / name, ("0002_c1s1_000451_01.jpg", "0002_c1s1_000551_01.jpg"))
    (here / "market-1/bounding_box_train/0002_c1s1_000551_01.jpg").unlink()
    (here / "market-2/market-pairs-train.csv").write_text("from,to\n0002_c1s1_000451_01.jpg,nobody.jpg\n")
    (here / "market-3/market-pairs-train.csv").write_text("from,to\n")
    shutil.rmtree(here / "market-4")
    write_market(here / "market-4", ("0002_c1s1_000451_01.jpg",))


def write_market(root, names):
    """The training photos of these names, with keypoints."""
    (root / "bounding_box_train").mkdir(parents=True)
    rows = ["name:keypoints_y:keypoints_x"]
    for name in names:
        Image.new("RGB", (64, 128)).save(root / "bounding_box_train" / name)
        rows.append(f"{name}: {list(range(20, 38))}: {list(range(30, 48))}")
    (root / "market-annotation-train.csv").write_text("\n".join(rows))
