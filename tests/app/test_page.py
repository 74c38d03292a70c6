"""The web page, as a person drives it in Chromium, with the demo's weights."""

import io
import json
import threading
import time

import numpy as np
import pytest
from PIL import Image, ImageSequence

from data.detect_pose import MODEL, PoseDetector
from diffusion.pipeline import PoseTransferPipeline
from tests.app.browser import opened
from tests.app.conftest import GALLERY, PICTURES, served
from tests.conftest import ROOT
from tests.data.test_detect_pose import photo as red_spot
from tests.data.test_detect_pose import write_model

PATIENCE = 60_000


@pytest.fixture(scope="module")
def pipeline():
    return PoseTransferPipeline.from_pretrained(ROOT / "checkpoints/demo")


@pytest.fixture(scope="module")
def address(pipeline):
    with served(pipeline) as address:
        yield address


@pytest.fixture
def at(page, address):
    """The page, opened."""
    return open_page(page, address)


def open_page(page, address):
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_selector("#target-pose .joint")
    return page


def give_person(page):
    """Upload a photo and its pose, as from one's own files."""
    page.set_input_files("#photo input[type=file]", GALLERY / "person.jpg")
    page.wait_for_selector("#photo img")
    load(page, "#load-source", GALLERY / "person.json")
    page.wait_for_selector("#source-pose .joint")
    page.wait_for_function("!document.querySelector('#source-pose .editor').classList.contains('empty')")


def load(page, button, path):
    """Give a button the file that it asks for."""
    with page.expect_file_chooser() as chooser:
        page.click(button)
    chooser.value.set_files(path)


def drag(page, joint, right, down):
    """Drag a joint of the target pose by pixels of the screen."""
    handle = page.locator(f"#target-pose .joint[data-joint='{joint}'] .hit")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right / 2, y + down / 2)
    page.mouse.move(x + right, y + down)
    page.mouse.up()


def draw(page, steps=20):
    page.fill("#steps input", str(steps))
    page.press("#steps input", "Tab")
    page.click("#draw")


def wait_until(page, condition):
    """Wait for what the page makes Python do."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, page.locator(".toast-body").all_inner_texts()
        page.wait_for_timeout(100)


def wait_done(page, element="#progress"):
    try:
        page.wait_for_function(f"document.querySelector('{element}').innerText.includes('Done')")
    except Exception as error:
        looked_at(page, "unfinished")
        said = [page.inner_text(element), *page.errors, *page.locator(".toast-body").all_inner_texts()]
        raise AssertionError(f"the drawing did not end: {said}") from error


def shown_picture(page):
    """The bytes of the picture that the page shows."""
    page.wait_for_selector("#pictures .media-button img")
    source = page.locator("#pictures .media-button img").get_attribute("src")
    return page.request.get(source).body()


def sentence(page):
    """What a message on the page says, once there is one."""
    page.wait_for_selector(".toast-body")
    page.wait_for_timeout(500)  # It comes in slowly.
    return page.locator(".toast-message-text").first.inner_text()


def looked_at(page, name):
    """Keep a screenshot for people."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def test_a_person_is_drawn_in_a_pose_dragged_by_hand(at):
    give_person(at)
    before = at.locator("#target-pose .joint[data-joint='4'] .dot").bounding_box()
    drag(at, 4, -30, -60)  # The right wrist, then the left one.
    drag(at, 7, 30, -60)
    after = at.locator("#target-pose .joint[data-joint='4'] .dot").bounding_box()
    assert after["y"] - before["y"] == pytest.approx(-60, abs=2)

    at.evaluate("""() => {
        window.shares = [];
        new MutationObserver(() => {
            const bar = document.querySelector('#progress progress');
            const image = document.querySelector('#progress img');
            if (bar) window.shares.push([bar.value, image ? image.src.length : 0]);
        }).observe(document.querySelector('#progress'), {childList: true, subtree: true, attributes: true});
    }""")
    draw(at)
    at.wait_for_selector("#progress img")
    looked_at(at, "drawing_1280")
    wait_done(at)
    shares, previews = zip(*at.evaluate("window.shares"), strict=True)
    assert len(set(shares)) > 5
    assert list(shares) == sorted(shares)
    assert shares[-1] == 1
    assert max(previews) > 1000

    picture = shown_picture(at)
    looked_at(at, "picture_1280")
    assert Image.open(io.BytesIO(picture)).size == (44, 64)
    with at.expect_download() as download:
        at.locator("#pictures button[aria-label*='ownload'], #pictures a[download]").first.click()
    assert download.value.path().read_bytes() == picture

    at.get_by_role("tab", name="Flow").click()
    at.fill("#points textarea, #points input", "60,80 110,80 88,120")
    at.click("#explain")
    at.wait_for_selector("#flow img")
    at.wait_for_function("document.querySelector('#flow img').naturalHeight > 1000")
    looked_at(at, "flow_1280")
    assert not at.errors
    assert {url.split("/")[2].split(":")[0] for url in at.requested if url.startswith("http")} == {"127.0.0.1"}


def test_the_joints_that_were_dragged_are_those_that_are_drawn(at, pipeline):
    give_person(at)
    given = []
    pose_map = pipeline.pose_map
    pipeline.pose_map = lambda pose, *frame: given.append(pose) or pose_map(pose, *frame)
    try:
        drag(at, 4, -20, -40)
        draw(at, steps=5)
        wait_done(at)
    finally:
        del pipeline.pose_map
    box = at.locator("#target-pose .picture").bounding_box()
    dot = at.locator("#target-pose .joint[data-joint='4'] .dot").bounding_box()
    scale = 256 / box["height"]
    expected = [
        (dot["x"] + dot["width"] / 2 - box["x"]) * scale,
        (dot["y"] + dot["height"] / 2 - box["y"]) * scale,
    ]
    np.testing.assert_allclose(given[-1].joints[4], expected, atol=1.5)


def test_an_animation_moves_and_can_be_saved(at):
    at.click("#example")
    at.wait_for_selector("#photo img")
    at.fill("#steps input", "5")
    at.get_by_role("tab", name="Animate").click()
    at.fill("#frames input", "4")
    at.press("#frames input", "Tab")
    at.click("#animate")
    wait_done(at, "#animate-progress")
    at.wait_for_selector("#film img")
    film = Image.open(io.BytesIO(at.request.get(at.locator("#film img").get_attribute("src")).body()))
    assert film.format == "GIF"
    assert len(list(ImageSequence.Iterator(film))) == 4
    looked_at(at, "animation_1280")
    links = [link.get_attribute("href") for link in at.locator("#film-files a").all()]
    assert sorted(link.rpartition(".")[2] for link in links) == ["gif", "mp4"]


def test_the_page_works_from_the_keyboard_alone(at):
    at.focus("#example")
    at.keyboard.press("Enter")
    at.wait_for_selector("#photo img")
    at.focus("#target-pose .joint[data-joint='4']")
    before = at.locator("#target-pose .joint[data-joint='4']").get_attribute("aria-label")
    at.keyboard.press("Shift+ArrowUp")
    assert at.locator("#target-pose .joint[data-joint='4']").get_attribute("aria-label") != before
    at.focus("#steps input")
    at.keyboard.press("Control+a")
    at.keyboard.type("5")
    at.focus("#draw")
    at.keyboard.press("Enter")
    wait_done(at)
    assert shown_picture(at)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_telephone(browser, address, scheme):
    with opened(browser, viewport={"width": 400, "height": 800}, has_touch=True) as page:
        open_page(page, f"{address}/?__theme={scheme}")
        page.click("#example")
        page.wait_for_selector("#photo img")
        page.wait_for_timeout(500)
        looked_at(page, f"page_400_{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_pose_is_detected_where_a_model_is_there(page, tiny_pipeline, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    model = tmp_path / "hub/checkpoints" / f"{MODEL}.onnx"
    model.parent.mkdir(parents=True)
    write_model(model)
    red_spot().save(tmp_path / "photo.png")
    with served(tiny_pipeline) as address:
        open_page(page, address)
        page.set_input_files("#photo input[type=file]", tmp_path / "photo.png")
        page.wait_for_selector("#photo img")
        page.click("#detect")
        page.wait_for_function("!document.querySelector('#source-pose .editor').classList.contains('empty')")
        dot = page.locator("#source-pose .joint[data-joint='0'] .dot").bounding_box()
        frame = page.locator("#source-pose .picture").bounding_box()
    found = PoseDetector(model)(red_spot(), "photo").joints[0]
    scale = frame["height"] / red_spot().height
    assert dot["x"] + dot["width"] / 2 - frame["x"] == pytest.approx(found[0] * scale, abs=2)
    assert dot["y"] + dot["height"] / 2 - frame["y"] == pytest.approx(found[1] * scale, abs=2)


def test_no_detection_is_offered_where_no_model_is(at):
    assert not at.locator("#detect").is_visible()


def nothing_given(page, folder):  # noqa: ARG001
    draw(page)


def no_pose(page, folder):  # noqa: ARG001
    page.set_input_files("#photo input[type=file]", GALLERY / "person.jpg")
    page.wait_for_selector("#photo img")
    draw(page)


def broken_photo(page, folder):
    broken = folder / "photo.png"
    broken.write_bytes((GALLERY / "other_dress.png").read_bytes()[:300])
    page.set_input_files("#photo input[type=file]", broken)


def no_photo_at_all(page, folder):
    text = folder / "photo.jpg"
    text.write_text("no photo")
    page.set_input_files("#photo input[type=file]", text)


def huge_photo(page, folder):
    Image.new("1", (9000, 9000)).save(folder / "photo.png")
    page.set_input_files("#photo input[type=file]", folder / "photo.png")


def slim_photo(page, folder):
    Image.new("RGB", (2000, 100)).save(folder / "photo.png")
    page.set_input_files("#photo input[type=file]", folder / "photo.png")


def few_joints(page, folder):
    joints = [5, 5, 1, 6, 6, 1] + [0] * 48
    people = {"canvas_height": 9, "canvas_width": 9, "people": [{"pose_keypoints_2d": joints}]}
    (folder / "few.json").write_text(json.dumps(people))
    load(page, "#load-target", folder / "few.json")


def broken_pose(page, folder):
    (folder / "pose.json").write_text('{"people": ')
    load(page, "#load-target", folder / "pose.json")


def too_many_steps(page, folder):  # noqa: ARG001
    page.click("#example")
    page.wait_for_selector("#photo img")
    draw(page, steps=1001)


def nothing_to_explain(page, folder):  # noqa: ARG001
    page.get_by_role("tab", name="Flow").click()
    page.click("#explain")


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (nothing_given, "The photo: not there yet; upload one"),
        (no_pose, "The photo's pose: not there yet; load it"),
        (broken_photo, "The photo: expected a whole image"),
        (no_photo_at_all, "The photo: expected an image"),
        (huge_photo, "The photo: expected up to 40 million pixels"),
        (slim_photo, "The photo: expected a picture up to 4 times as long as wide, got 100 x 2000"),
        (few_joints, "few.json: expected at least 6 joints on the picture, got 2"),
        (broken_pose, "pose.json: expected JSON"),
        (too_many_steps, "Steps: expected a whole number, from 1 to 1000"),
        (nothing_to_explain, "Flow: expected a picture to explain"),
    ],
)
def test_a_sentence_says_what_is_wrong(at, tmp_path, do, words):
    do(at, tmp_path)
    said = sentence(at)
    if do is nothing_given:
        looked_at(at, "sentence_1280")
    assert said.startswith(words)
    assert str(tmp_path) not in said


def test_two_people_at_once_both_get_their_pictures(browser, address, pipeline):
    may_end, calls = threading.Event(), []

    def hold(*_):
        calls.append(1)
        if len(calls) > 3:
            may_end.wait(PATIENCE / 1000)

    held = pipeline.model.denoiser.register_forward_pre_hook(hold)
    with held, opened(browser) as first, opened(browser) as second:
        for page in (first, second):
            open_page(page, address).click("#example")
            page.wait_for_selector("#photo img")
        second.fill("#seed input", "7")
        draw(first, steps=5)
        first.wait_for_selector("#progress img")
        draw(second, steps=5)
        second.wait_for_selector("#progress >> text=queue")
        looked_at(second, "queue_1280")
        may_end.set()
        for page in (first, second):
            wait_done(page)
        assert "seed 0" in first.inner_text("#pictures")
        assert "seed 7" in second.inner_text("#pictures")
        assert shown_picture(first) != shown_picture(second)


@pytest.fixture
def calls(pipeline):
    """When the denoiser was called, since the test began; it takes its time, so that a drawing can be broken off."""
    times = []
    hook = pipeline.model.denoiser.register_forward_pre_hook(
        lambda *_: times.append(time.monotonic()) or time.sleep(0.02)
    )
    yield times
    hook.remove()


def test_drawing_ends_when_the_browser_is_closed(browser, address, calls):
    with opened(browser) as page:
        open_page(page, address).click("#example")
        page.wait_for_selector("#photo img")
        draw(page, steps=1000)
        page.wait_for_selector("#progress img")
    while time.monotonic() - calls[-1] < 3:
        assert len(calls) < 600
        time.sleep(0.1)


def test_the_picture_that_shows_is_the_one_explained(at, pipeline):
    explained = []
    image, flows = pipeline.image, pipeline.flows
    pipeline.image = lambda given: explained.append(given.tobytes()) or image(given)
    pipeline.flows = lambda *given: time.sleep(2) or flows(*given)  # The next click comes while it is at work.

    def explain():
        at.get_by_role("tab", name="Flow").click()
        seen = len(explained)
        at.click("#explain")
        wait_until(at, lambda: len(explained) >= seen + 2)  # The photo, then the picture.
        at.get_by_role("tab", name="Picture").click()
        return explained[-1]

    try:
        at.click("#example")
        at.wait_for_selector("#photo img")
        at.fill("#count input", "3")
        draw(at, steps=5)
        wait_done(at)
        third = explain()
        at.locator("#pictures .thumbnails button").nth(0).click()
        first = explain()
        at.fill("#count input", "2")
        at.fill("#seed input", "1")  # What were the second and the third.
        draw(at, steps=5)
        at.wait_for_function("document.querySelector('#progress').innerText.includes('Done: 2 of 2')")
        assert explain() == third != first
    finally:
        del pipeline.image, pipeline.flows
    assert not at.errors


def test_the_networks_do_one_thing_at_a_time_even_after_a_stop(at, pipeline):
    at_work, most = [], []

    def enter(*_):
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(0.7)  # Long enough for another drawing to begin.

    hooks = [
        pipeline.model.denoiser.register_forward_pre_hook(enter),
        pipeline.model.denoiser.register_forward_hook(lambda *_: at_work.pop() and None),
    ]
    try:
        at.click("#example")
        at.wait_for_selector("#photo img")
        draw(at, steps=20)
        at.wait_for_selector("#progress img")
        at.click("#stop")
        at.wait_for_function("document.querySelector('#progress').innerText.includes('Stopped')")
        draw(at, steps=5)
        wait_done(at)
    finally:
        for hook in hooks:
            hook.remove()
    assert max(most) == 1


def test_stop_ends_a_drawing_and_the_next_one_begins(at, calls):
    at.click("#example")
    at.wait_for_selector("#photo img")
    draw(at, steps=1000)
    at.wait_for_selector("#progress img")
    at.click("#stop")
    at.wait_for_function("document.querySelector('#progress').innerText.includes('Stopped')")
    draw(at, steps=5)
    wait_done(at)
    assert len(calls) < 600
