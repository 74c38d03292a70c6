import io
import multiprocessing
import pickle

import lmdb
import numpy as np
import pytest
from PIL import Image

from data.images import DAMAGE, decode_png, read_rgb, squeeze
from data.pairs import lmdb_key
from data.store import DamagedImage, ImageStore
from data.store_writer import StoreWriter
from system.errors import InputError
from tests.data.pictures import equal
from tests.data.prepared import cut_short, lose_value, rewrite, with_bit_flipped

IMAGE = "img/WOMEN/Dresses/id_00000002/01_3_front.jpg"
KEY = lmdb_key(IMAGE)


def refusal(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    return str(caught.value)


def test_store_holds_the_squeezed_photo(root, lmdb_folder):
    store = ImageStore(lmdb_folder, (32, 24))
    assert KEY in store
    assert equal(store.read(KEY), squeeze(read_rgb(root / IMAGE), (32, 24)))


def test_missing_key_is_refused_with_data_base_and_key(lmdb_folder):
    store = ImageStore(lmdb_folder, (32, 24))
    assert "img/none.png" not in store
    message = refusal(store.read, "img/none.png")
    assert message.startswith(f"{lmdb_folder}/32-24: expected the key img/none.png")


def test_missing_data_base_is_refused_with_the_command_that_makes_it(tmp_path):
    message = refusal(ImageStore, tmp_path / "none", (256, 176))
    assert message.startswith(f"{tmp_path}/none/256-176: ")
    assert f"python data/prepare_data.py --root ROOT --out {tmp_path}/none --size 256x176" in message


def test_data_base_of_another_size_is_refused_with_both(lmdb_folder):
    message = refusal(ImageStore, lmdb_folder, (64, 48))
    assert message.startswith(f"{lmdb_folder}/64-48: {lmdb_folder} holds 32-24, expected")
    assert "64x48 images (model.image_size)" in message


def test_stored_image_of_another_size_is_refused_with_both(lmdb_folder, tmp_path):
    (tmp_path / "64-48").symlink_to(lmdb_folder / "32-24")
    message = refusal(ImageStore(tmp_path, (64, 48)).read, KEY)
    assert message.startswith(f"{tmp_path}/64-48: holds images of 32x24")
    assert "model.image_size asks for 64x48" in message


def test_damaged_data_base_is_refused(tmp_path):
    (tmp_path / "8-8").mkdir()
    (tmp_path / "8-8" / "data.mdb").write_bytes(b"no data base" * 1000)
    store = ImageStore(tmp_path, (8, 8))
    assert refusal(store.read, KEY).startswith(f"{tmp_path}/8-8: expected an image data base")


def test_damaged_image_is_refused_with_its_key(tmp_path):
    with StoreWriter(tmp_path, (8, 8), 1) as writer:
        writer.write([(KEY, b"no image")])
        writer.finish()
    assert refusal(ImageStore(tmp_path, (8, 8)).read, KEY).startswith(f"{tmp_path}/8-8: expected a PNG image under")


def test_every_flipped_bit_that_changes_the_picture_is_noticed(root):
    file = io.BytesIO()
    squeeze(read_rgb(root / IMAGE), (8, 8)).save(file, "PNG")
    value, noticed = file.getvalue(), 0
    picture = decode_png(value)
    for bit in range(8 * len(value)):
        try:
            assert equal(decode_png(with_bit_flipped(value, bit)), picture), bit
        except DAMAGE:
            noticed += 1
    assert noticed == 8 * (len(value) - 8)  # All but those of the end mark and its length, which hold nothing.


@pytest.mark.parametrize(
    "damage",
    [
        cut_short,
        lambda value: with_bit_flipped(value, 4 * len(value)),
        lambda value: with_bit_flipped(value, 8 * 20),  # The width.
        lambda _: b"",
    ],
)
def test_damaged_record_is_refused_with_its_key_and_no_other(own_lmdb, damage):
    rewrite(own_lmdb / "32-24", KEY, damage)
    store = ImageStore(own_lmdb, (32, 24))
    with pytest.raises(DamagedImage, match=rf"^{own_lmdb}/32-24: expected a PNG image under the key {KEY} \("):
        store.read(KEY)
    assert store.read(KEY.replace("01_3", "01_2")).size == (24, 32)


def test_record_of_another_size_is_a_damaged_one(own_lmdb):
    file = io.BytesIO()
    Image.new("RGB", (8, 16)).save(file, "PNG")
    rewrite(own_lmdb / "32-24", KEY, lambda _: file.getvalue())
    with pytest.raises(DamagedImage, match=rf"holds images of 16x8 \({KEY}\), but model.image_size asks for 32x24$"):
        ImageStore(own_lmdb, (32, 24)).read(KEY)


def test_record_that_lmdb_cannot_read_is_a_damaged_one(own_lmdb):
    lose_value(own_lmdb / "32-24", KEY)
    store = ImageStore(own_lmdb, (32, 24))
    assert KEY in store
    with pytest.raises(DamagedImage, match=rf"^{own_lmdb}/32-24: expected a readable record under the key {KEY} \("):
        store.read(KEY)
    assert store.read(KEY.replace("01_3", "01_2")).size == (24, 32)


def test_two_stores_read_one_data_base(lmdb_folder):
    first, second = ImageStore(lmdb_folder, (32, 24)), ImageStore(lmdb_folder, (32, 24))
    assert equal(first.read(KEY), second.read(KEY))
    del first
    assert KEY in second


def test_store_survives_pickling(lmdb_folder):
    store = ImageStore(lmdb_folder, (32, 24))
    image = store.read(KEY)
    assert equal(pickle.loads(pickle.dumps(store)).read(KEY), image)


def test_store_opens_anew_after_a_fork(lmdb_folder):
    stores = [ImageStore(lmdb_folder, (32, 24)) for _ in range(2)]
    expected = [np.asarray(store.read(KEY)) for store in stores]
    inherited = stores[0]._environment

    def read(pipe):
        images = [np.asarray(store.read(KEY)) for store in stores]
        with pytest.raises(lmdb.Error):
            inherited.begin()  # Closed.
        pipe.send(images)

    context = multiprocessing.get_context("fork")
    for _ in range(2):
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=read, args=(sender,))
        child.start()
        sender.close()
        assert np.array_equal(receiver.recv(), expected)
        child.join()
        assert child.exitcode == 0
    assert equal(stores[0].read(KEY), expected[0])


def test_unfinished_data_base_is_none(tmp_path):
    image = Image.new("RGB", (8, 8))
    image.save(tmp_path / "image.png")
    with StoreWriter(tmp_path, (8, 8), 1) as writer:
        writer.write([(KEY, (tmp_path / "image.png").read_bytes())])
        refusal(ImageStore, tmp_path, (8, 8))
        assert writer.keys() == ({KEY}, False)
        writer.finish()
        assert writer.keys() == ({KEY}, True)
    assert ImageStore(tmp_path, (8, 8)).read(KEY).size == (8, 8)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["8-8"]


def test_data_base_that_was_cut_off_is_refused_before_it_is_read(tmp_path):
    with StoreWriter(tmp_path, (8, 8), 4) as writer:
        writer.write([(f"img/{n}.png", bytes(200_000)) for n in range(4)])
        writer.finish()
    data = tmp_path / "8-8" / "data.mdb"
    with data.open("r+b") as file:
        file.truncate(data.stat().st_size // 2)
    message = refusal(ImageStore(tmp_path, (8, 8)).read, "img/0.png")
    assert message.startswith(f"{tmp_path}/8-8: expected a whole data base")
