import base64
import io
import math
import queue
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from app import skeleton_editor
from app.skeleton_editor import SkeletonEditor, to_keypoints, to_value
from data.keypoint_values import Keypoints
from data.pose import JOINT_NAMES, JOINTS
from system.errors import InputError
from tests.app.browser import browser, opened  # noqa: F401

gr = pytest.importorskip("gradio")

HEIGHT, WIDTH = 256, 176
POINTS = (
    *((88, 40), (88, 66), (64, 70), (52, 104), (46, 136), (112, 70), (124, 104), (130, 136)),
    *((72, 136), (70, 182), (68, 230), (104, 136), (106, 182), (108, 230), (83, 35), (93, 35), (76, 38), (100, 38)),
)
POSE = {"size": [HEIGHT, WIDTH], "joints": [list(map(float, point)) for point in POINTS]}
LEFT_WRIST, RIGHT_WRIST, LEFT_ELBOW = map(JOINT_NAMES.index, ("left wrist", "right wrist", "left elbow"))
SHIFTED = {"size": [HEIGHT, WIDTH], "joints": [[x + 10, y + 5] for x, y in POSE["joints"]]}
WRISTLESS = {**POSE, "joints": [None if joint == LEFT_WRIST else point for joint, point in enumerate(POSE["joints"])]}


BEYOND = {**POSE, "joints": [[-30.0, 40.0], *POSE["joints"][1:]]}


def red_photo():
    content = io.BytesIO()
    Image.new("RGB", (44, 64), (200, 30, 30)).save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


UPDATES = {
    "shift": {"value": SHIFTED},
    "wristless": {"value": WRISTLESS},
    "beyond": {"value": BEYOND},
    "photo": {"photo": red_photo()},
    "both": {"value": SHIFTED, "photo": red_photo()},
    "hide": {"visible": False},
    "start": {"visible": True, "value": POSE},
    "none": {"value": None},
    "no_photo": {"photo": ""},
}


@pytest.fixture(scope="module")
def served():
    """The URL of a page with an editor and a button for each of UPDATES; and the values that Python received."""
    received = queue.Queue()
    with gr.Blocks(analytics_enabled=False) as demo:
        editor = SkeletonEditor("Pose", "editor", POSE)
        editor.input(received.put, editor, trigger_mode="multiple")
        for name, update in UPDATES.items():
            button = gr.Button(name, elem_id=name)
            button.click(lambda update=update: gr.update(**update), None, editor, show_progress="hidden")
    theme = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    options = {"prevent_thread_lock": True, "server_name": "127.0.0.1", "quiet": True, "footer_links": []}
    _, url, _ = demo.launch(theme=theme, **options)
    yield url, received
    demo.close()


class Driven:
    """The editor as a person sees it."""

    def __init__(self, page, received):
        self.page, self.received = page, received
        self.picture = page.locator("#editor .picture")

    def start(self):
        """Take the editor out of the page, and put it there anew."""
        self.update("hide")
        self.picture.wait_for(state="hidden")
        self.update("start")
        self.shows(0, POINTS[0])

    def check(self):
        """What holds after every test: no error, no request to elsewhere, nothing told that was not asked for."""
        assert self.page.errors == []
        assert {urlsplit(url).hostname for url in self.page.requested} <= {"127.0.0.1", None}  # None: of a data URL.
        assert self.received.empty()

    def told(self):
        """The joints that Python received next."""
        return self.received.get(timeout=10)["joints"]

    def joint(self, joint):
        return self.page.locator(f'#editor [data-joint="{joint}"]')

    def button(self, name):
        return self.page.locator("#editor").get_by_role("button", name=name, exact=True)

    def press(self, key):
        self.page.keyboard.press(key)
        return self.told()

    def click(self, name):
        self.button(name).click()
        return self.told()

    def update(self, name):
        """Let Python set something, as a press of a button would; the mouse stays where it is."""
        self.page.locator(f"#{name}").dispatch_event("click")

    def shows(self, joint, point):
        """Wait until a joint stands at a point."""
        x, y = point
        self.page.locator(f'#editor [data-joint="{joint}"] .dot[cx="{x:g}"][cy="{y:g}"]').wait_for(timeout=10_000)

    def on_screen(self, point):
        box = self.picture.bounding_box()
        return box["x"] + point[0] * box["width"] / WIDTH, box["y"] + point[1] * box["height"] / HEIGHT

    def drag(self, start, *ends):
        self.page.mouse.move(*self.on_screen(start))
        self.page.mouse.down()
        for end in ends:
            self.page.mouse.move(*self.on_screen(end), steps=4)

    def drop(self):
        self.page.mouse.up()
        return self.told()

    def swipe(self, start, *ends):
        session = self.page.context.new_cdp_session(self.page)
        for kind, places in {"touchStart": [start], "touchMove": ends}.items():
            for x, y in map(self.on_screen, places):
                session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


@pytest.fixture(scope="module")
def desktop(served, browser):  # noqa: F811
    yield from driven(served, browser)


@pytest.fixture(scope="module")
def phone(served, browser):  # noqa: F811
    yield from driven(served, browser, has_touch=True, viewport={"width": 400, "height": 550})


def driven(served, browser, **options):  # noqa: F811
    """An editor in a page of its own."""
    url, received = served
    with opened(browser, **options) as page:
        page.goto(url)
        page.locator("#editor .joint").first.wait_for()
        yield Driven(page, received)


@pytest.fixture
def editor(desktop):
    """The editor on a desktop: it shows POSE, and nothing was done to it."""
    desktop.start()
    yield desktop
    desktop.check()


@pytest.fixture
def touched(phone):
    """The same on a phone."""
    phone.start()
    yield phone
    phone.check()


def near(point, tolerance=1.0):
    return pytest.approx(point, abs=tolerance)


def test_dragged_joint_reaches_python_alone(editor):
    editor.drag(POINTS[LEFT_WRIST], (150, 90))
    joints = editor.drop()
    assert joints[LEFT_WRIST] == near([150, 90])
    joints[LEFT_WRIST] = POSE["joints"][LEFT_WRIST]
    assert joints == POSE["joints"]


def test_dragged_joint_stays_in_the_frame(editor):
    editor.drag(POINTS[LEFT_WRIST], (WIDTH + 60, -20))
    assert editor.drop()[LEFT_WRIST] == [WIDTH - 1, 0]


def test_joint_beyond_the_frame_is_held_at_its_edge(editor):
    editor.update("beyond")
    editor.shows(0, (0, 40))
    assert editor.click("Mirror")[0] == [WIDTH - 1 + 30, 40]
    editor.drag((WIDTH - 1, 40), (100, 40))
    assert editor.drop()[0] == near([100, 40])


def test_touched_joint_follows_the_finger(touched):
    touched.swipe(POINTS[LEFT_WRIST], (140, 150), (150, 90))
    assert touched.told()[LEFT_WRIST] == near([150, 90])
    assert touched.page.evaluate("scrollY") == 0


def test_page_scrolls_under_a_finger_beside_the_joints(touched):
    touched.swipe((10, 240), (10, 200), (10, 100))
    touched.page.wait_for_function("scrollY > 0")
    touched.page.evaluate("scrollTo(0, 0)")


def test_value_that_arrives_during_a_drag_lets_the_drag_go_on(editor):
    editor.drag(POINTS[LEFT_WRIST], (140, 120))
    editor.update("shift")
    editor.shows(0, SHIFTED["joints"][0])
    editor.page.mouse.move(*editor.on_screen((150, 90)))
    joints = editor.drop()
    assert joints[LEFT_WRIST] == near([150, 90])
    assert joints[0] == SHIFTED["joints"][0]


def test_arrow_keys_move_the_focused_joint(editor):
    x, y = POINTS[LEFT_WRIST]
    editor.joint(LEFT_WRIST).focus()
    assert editor.press("ArrowLeft")[LEFT_WRIST] == [x - 1, y]
    assert editor.press("Shift+ArrowDown")[LEFT_WRIST] == [x - 1, y + 10]
    assert editor.press("ArrowUp")[LEFT_WRIST] == [x - 1, y + 9]


def test_focused_joint_tells_its_name_and_place(editor):
    editor.joint(LEFT_WRIST).focus()
    said = "left wrist, x 130, y 136"
    assert editor.joint(LEFT_WRIST).get_attribute("aria-label") == said
    assert editor.joint(LEFT_WRIST).locator("title").inner_html() == "left wrist"
    assert editor.page.locator("#editor .status").inner_text() == said


def test_tab_goes_from_joint_to_joint(editor):
    editor.joint(0).focus()
    editor.page.keyboard.press("Tab")
    assert editor.page.evaluate("document.activeElement.dataset.joint") == "1"


def test_hidden_joint_comes_back_where_it_stood(editor):
    editor.joint(LEFT_WRIST).focus()
    assert editor.press("Delete") == WRISTLESS["joints"]
    assert not editor.joint(LEFT_WRIST).is_visible()
    assert editor.click("left wrist") == POSE["joints"]
    assert editor.press("ArrowLeft")[LEFT_WRIST] == [POINTS[LEFT_WRIST][0] - 1, POINTS[LEFT_WRIST][1]]


def test_joint_never_seen_comes_back_at_its_neighbour_to_be_dragged_from_there(editor):
    editor.update("wristless")
    joints = editor.click("left wrist")
    assert joints[LEFT_WRIST] == joints[LEFT_ELBOW] == POSE["joints"][LEFT_ELBOW]
    editor.drag(POINTS[LEFT_ELBOW], (140, 160))
    joints = editor.drop()
    assert joints[LEFT_WRIST] == near([140, 160])
    assert joints[LEFT_ELBOW] == POSE["joints"][LEFT_ELBOW]


def test_all_joints_can_be_hidden_and_one_brought_back(editor):
    editor.joint(0).focus()
    *_, joints = (editor.press("h") for _ in range(JOINTS))
    assert joints == [None] * JOINTS
    editor.button("Mirror").click()
    editor.button("Larger").click()
    assert editor.click("nose")[0] == POSE["joints"][0]


def test_mirror_swaps_the_sides(editor):
    joints = editor.click("Mirror")
    x, y = POINTS[LEFT_WRIST]
    assert joints[RIGHT_WRIST] == [WIDTH - 1 - x, y]
    assert joints[0] == [WIDTH - 1 - POINTS[0][0], POINTS[0][1]]


def test_mirror_twice_changes_nothing(editor):
    editor.click("Mirror")
    assert editor.click("Mirror") == POSE["joints"]


def test_scaled_figure_keeps_its_centre(editor):
    before, larger = np.array(POSE["joints"]), np.array(editor.click("Larger"))
    centre = (before.min(axis=0) + before.max(axis=0)) / 2
    np.testing.assert_allclose(larger, centre + (before - centre) * 1.05, atol=0.01)
    np.testing.assert_allclose(editor.click("Smaller"), before, atol=0.01)


def test_undo_takes_back_change_by_change(editor):
    editor.joint(LEFT_WRIST).focus()
    moved = editor.press("ArrowLeft")
    editor.click("Mirror")
    assert editor.click("Undo") == moved
    assert editor.click("Undo") == POSE["joints"]
    assert editor.button("Undo").get_attribute("aria-disabled") == "true"


def test_undo_takes_back_a_key_held_down_at_once(editor):
    editor.joint(LEFT_WRIST).focus()
    for _ in range(3):
        editor.page.keyboard.down("ArrowLeft")
        editor.told()
    editor.page.keyboard.up("ArrowLeft")
    assert editor.click("Undo") == POSE["joints"]


def test_reset_goes_back_to_what_python_set_last(editor):
    editor.update("shift")
    editor.shows(0, SHIFTED["joints"][0])
    editor.click("Mirror")
    editor.click("Larger")
    assert editor.click("Reset") == SHIFTED["joints"]
    assert editor.button("Reset").get_attribute("aria-disabled") == "true"


def test_value_from_python_appears_and_is_not_an_input(editor):
    editor.update("shift")
    editor.shows(LEFT_WRIST, SHIFTED["joints"][LEFT_WRIST])
    assert editor.received.empty()


def test_photo_from_python_fills_the_frame_under_the_skeleton(editor):
    editor.update("photo")
    editor.page.locator("#editor .photo[href]").wait_for()
    picture = Image.open(io.BytesIO(editor.picture.screenshot())).convert("RGB")
    for corner in [(6, 6), (picture.width - 7, picture.height - 7)]:
        assert picture.getpixel(corner) == (200, 30, 30)
    editor.update("shift")
    editor.shows(0, SHIFTED["joints"][0])
    assert editor.page.locator("#editor .photo").is_visible()


def test_photo_and_value_come_together_and_the_photo_goes_alone(editor):
    editor.update("both")
    editor.shows(0, SHIFTED["joints"][0])
    editor.page.locator("#editor .photo[href]").wait_for()
    editor.update("no_photo")
    editor.page.locator("#editor .photo").wait_for(state="hidden")
    assert editor.click("Mirror")[0] == [WIDTH - 1 - SHIFTED["joints"][0][0], SHIFTED["joints"][0][1]]


def test_editor_without_a_skeleton_says_so(editor):
    editor.update("none")
    editor.page.get_by_text("No skeleton yet.").wait_for()
    assert not editor.picture.is_visible()
    editor.update("shift")
    editor.shows(0, SHIFTED["joints"][0])


def test_editor_fits_a_narrow_page(touched):
    touched.page.set_viewport_size({"width": 300, "height": 550})
    assert touched.page.evaluate("document.documentElement.scrollWidth") <= 300
    box = touched.picture.bounding_box()
    assert box["width"] / box["height"] == near(WIDTH / HEIGHT, 0.01)


def test_importing_the_editor_leaves_no_stub_beside_it():
    assert not Path(skeleton_editor.__file__).with_suffix(".pyi").exists()


def test_value_holds_the_keypoints():
    joints = np.array(POINTS, dtype=np.float64)
    joints[LEFT_WRIST] = -1
    keypoints = Keypoints(joints, (HEIGHT, WIDTH))
    assert to_value(keypoints) == WRISTLESS
    back = to_keypoints(WRISTLESS, "pose")
    assert back.size == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(back.joints, joints)


def test_joint_moved_to_the_mark_of_missing_ones_is_still_seen():
    joints = [[-1.0, -1.0], *POSE["joints"][1:]]
    keypoints = to_keypoints({**POSE, "joints": joints}, "pose")
    assert to_value(keypoints)["joints"] == joints


def with_nose(nose):
    return {**POSE, "joints": [nose, *POSE["joints"][1:]]}


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", [], {}, {"size": [HEIGHT, WIDTH]}, {**POSE, "photo": ""}),
        *({**POSE, "size": size} for size in (None, [256], [256.0, 176], [True, 176], [15, 176], [256, 8193], "ab")),
        *(
            {**POSE, "joints": joints}
            for joints in (None, {}, "x" * JOINTS, POSE["joints"][1:], [*POSE["joints"], None])
        ),
        *map(with_nose, ([], [1], [1, 2, 3], [1, None], ["1", 2], [True, 2], "ab", {"x": 1, "y": 2}, 5)),
        *map(with_nose, ([math.nan, 1], [math.inf, 1], [1, -10001], [10**400, 1])),
    ],
)
def test_value_of_another_form_is_refused(value):
    with pytest.raises(InputError, match=r"^pose: .*expected"):
        to_keypoints(value, "pose")
