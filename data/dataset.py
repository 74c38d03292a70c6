"""Data sets: pairs for training, drawn from the image data base, and test pairs, read from the photos themselves."""

import functools
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import Dataset

from data.images import read_rgb, to_levels
from data.pairs import check_images, check_keypoints, keypoint_path, lmdb_key, read_pairs, result_name, without
from data.pose import pose_levels, read_keypoints
from data.resize import fit, placement, shown
from data.store import DamagedImage, ImageStore
from system.errors import InputError

LARGEST_SCALE = 0.05  # Training images grow by up to this share before they are cropped.
TRIED = 5  # Records, before a data base is refused.
REPLACEMENTS = 10  # Pairs tried in place of one with a damaged image.


class PairDataset(Dataset):
    """Training pairs without end: item `position` is a pure function of the seed and the position.

    Position p stands in epoch p // len, which runs over the pairs in an order of its own. An item is a dict of
    source_image, target_image: uint8 (3, H, W), RGB; source_pose, target_pose: uint8 (20, H, W), as pose_levels draws
    them (data.levels.to_device makes them what networks see); position: int; damaged: a message for each image of the
    data base that could not be read. A pair with such an image is replaced by another one, which follows from the seed
    and the position too.

    Raises InputError where the root, its files or the data base of `size` (H, W) do not fit together, and DamagedImage
    where the replacements cannot be read either.
    """

    def __init__(self, data, size, seed):
        """`data` is a config.schema.DataConfig."""
        self.root = Path(data.root)
        self.size = tuple(size)
        self.seed = seed
        self.augment = data.augment
        if seed < 0:
            raise InputError(f"training.seed: expected 0 or more, got {seed}")
        self.store = ImageStore(data.lmdb, self.size)
        self.resize = self.store.resize()
        if self.resize != data.resize:
            raise InputError(
                f"data.resize: {data.resize}, but {self.store.path} holds images made by {self.resize}; prepare others"
            )
        self.pairs = without(read_pairs(self.root, "train"), self.store.left_out())
        check_images(self.pairs, lambda image: lmdb_key(image) in self.store, f"is not in {self.store.path}")
        check_keypoints(self.pairs, self.root)
        self._read_some()

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, position):
        position, damaged = int(position), []
        while True:
            try:
                return {**self._item(position, len(damaged)), "position": position, "damaged": damaged}
            except DamagedImage as error:
                damaged.append(str(error))
                if len(damaged) > REPLACEMENTS:
                    raise

    def names(self, position):
        """(source, target): the names of the images that a position stands for. Reads none of them."""
        source, target, _ = self._draw(int(position), attempt=0)
        return source, target

    def _draw(self, position, attempt):
        """Names of source and target, and the generator for what else is drawn. Later attempts draw another pair."""
        random = np.random.default_rng((self.seed, position, 0, attempt) if attempt else (self.seed, position))
        epoch, place = divmod(position, len(self))
        index = random.integers(len(self)) if attempt else _epoch_order(self.seed, epoch, len(self))[place]
        pair = self.pairs[index]
        return pair.sources[random.integers(len(pair.sources))], pair.target, random

    def _item(self, position, attempt):
        source, target, random = self._draw(position, attempt)
        source_image, source_pose = self._load(source, random)
        target_image, target_pose = self._load(target, random)
        item = {
            "source_image": source_image,
            "source_pose": source_pose,
            "target_image": target_image,
            "target_pose": target_pose,
        }
        if self.augment and random.random() < 0.5:
            item = {name: values.flip(-1) for name, values in item.items()}
        return item

    def _read_some(self):
        """Find a wrong size before any worker starts, but let a few records be damaged."""
        tried = self.pairs[:: -(-len(self) // TRIED)]
        for pair in tried:
            try:
                self.store.read(lmdb_key(pair.target))
                return
            except DamagedImage:
                if pair is tried[-1]:
                    raise

    def _load(self, name, random):
        """Image (3, H, W) and pose map (20, H, W) in levels, varied alike."""
        key = lmdb_key(name)
        image = self.store.read(key)
        photo = None if self.resize == "squeeze" else self.store.photo_size(key, image)
        placed = placement(photo, self.size, self.resize)
        levels, placed = vary(image, placed, random) if self.augment else (torch.from_numpy(to_levels(image)), placed)
        keypoints = placed.keypoints(read_keypoints(keypoint_path(self.root, name)))
        return levels, torch.from_numpy(pose_levels(keypoints, self.size))


@functools.lru_cache(maxsize=2)  # A batch may end one epoch and begin the next.
def _epoch_order(seed, epoch, length):
    return np.random.default_rng((seed, epoch, 1)).permutation(length)  # The 1 keeps it apart from an item's draws.


def vary(image, placed, random):
    """A crop of the slightly enlarged RGB image, as large as the image, and the Placement of the photo on it.

    The crop is uint8 (3, H, W), within two levels of Pillow's bicubic: torch does the same in a third of the time.
    """
    width, height = image.size
    size, (top, left) = enlargement((height, width), random)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    enlarged = F.interpolate(pixels[None], size, mode="bicubic", antialias=True)[0]
    crop = enlarged[:, top : top + height, left : left + width].contiguous()
    return crop, placed.enlarged((height, width), size, (top, left))


def enlargement(size, random):
    """The size (H, W) to which an image of `size` is enlarged, and the row and column where its crop begins."""
    scale = 1 + random.uniform(0, LARGEST_SCALE)
    large = tuple(int(side * scale) for side in size)
    return large, tuple(int(random.integers(after - before + 1)) for after, before in zip(large, size, strict=True))


class TestPairs(Dataset):
    """The pairs of test_pairs.txt below `root`, one for each source of a line, read from the photos themselves.

    An item is a dict of source_image: uint8 (3, H, W), RGB; source_pose, target_pose: uint8 (20, H, W), as pose_levels
    draws them; target_image like source_image, if `targets`; source, target: the images' names; result: the file name
    of the generated picture; shown: (4,), the first row and column of the target's image that show the photo, and the
    row and column where it ends. data.levels.to_device makes the tensors what networks see. Raises InputError where a
    file is missing or unfit; target photos are needed only if `targets`. Without them, where photos are padded or
    cropped, a target whose photo is not there counts as a photo of the source's size.
    """

    __test__ = False  # No test, whatever pytest makes of the name.

    def __init__(self, root, size, targets, resize="squeeze"):
        """resize: one of config.checks.RESIZES."""
        self.root, self.resize = Path(root), resize
        self.size = tuple(size)
        self.targets = targets
        lines = read_pairs(root, "test")
        check_images(lines, lambda image: (self.root / image).is_file(), f"is not there, below {root}", targets)
        check_keypoints(lines, root)
        self.pairs = [(source, line.target) for line in lines for source in line.sources]
        self._check_results(lines)

    def _check_results(self, lines):
        known = {}
        for line in lines:
            for source in line.sources:
                pair, result = (source, line.target), result_name(source, line.target)
                if known.setdefault(result, pair) != pair:
                    raise InputError(f"{line.where}: {source} would give {result}, the same name as another pair")

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        source, target = self.pairs[index]
        source_image, source_size = self._photo(source)
        target_image, target_size = self._photo(target) if self.targets else (None, self._size_of(target, source_size))
        item = {
            "source_image": source_image,
            "source_pose": self._pose(source, source_size),
            "target_pose": self._pose(target, target_size),
            "source": source,
            "target": target,
            "result": result_name(source, target),
            "shown": torch.tensor(shown(target_size, self.size, self.resize)),
        }
        return {**item, "target_image": target_image} if self.targets else item

    def _photo(self, name):
        """The image made of a photo, and the photo's size (H, W)."""
        photo = read_rgb(self.root / name)
        return torch.from_numpy(to_levels(fit(photo, self.size, self.resize))), photo.size[::-1]

    def _size_of(self, name, otherwise):
        """The size of a photo that is not needed itself: squeezed, it does not matter."""
        path = self.root / name
        return read_rgb(path).size[::-1] if self.resize != "squeeze" and path.is_file() else otherwise

    def _pose(self, name, size):
        annotation = read_keypoints(keypoint_path(self.root, name))
        keypoints = placement(size, self.size, self.resize).keypoints(annotation)
        return torch.from_numpy(pose_levels(keypoints, self.size))
