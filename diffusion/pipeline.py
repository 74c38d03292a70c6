"""The model as a program uses it: a photo, its pose and another pose in, pictures out."""

import dataclasses
from typing import Any, NamedTuple

import torch
from diffusers.utils import BaseOutput

from config.checks import validate_sampling
from data.images import to_image, to_tensor
from data.keypoint_values import Keypoints
from data.keypoints import to_annotation
from data.levels import pose_floats
from data.pose import pose_levels
from data.resize import fit, placement, unfit
from diffusion.drawing import drawing
from diffusion.precision import computing_in
from diffusion.samplers import Kept, last
from flow_ops import bilinear_warp, resize_flow
from models.condition import Mixture
from models.pose_transfer import PoseTransferModel
from system.errors import InputError
from system.seeds import seeded

OUTPUTS = ("pil", "np", "pt")


class Person(NamedTuple):
    """A photo and its pose as the networks see them, and what is computed of them once for all target poses."""

    image: torch.Tensor  # (1, 3, H, W) in [-1, 1].
    pose: torch.Tensor  # (1, 20, H, W) in [0, 1].
    features: dict  # The reference encoder's.
    photo: object  # The RGB image that was given.


class Other(NamedTuple):
    """Another person, some of whose appearance is taken over."""

    person: Person
    share: float = 1.0  # How much of it, from 0 to 1.
    mask: torch.Tensor | None = None  # (1, 1, H, W): where in their photo it is taken from; None: from all of it.


class Flows(NamedTuple):
    """Where a picture comes from in the photo. By stride s, as in models.condition.Condition."""

    flows: dict  # (1, 2, H/s, W/s), of the flow network.
    masks: dict  # (1, 1, H/s, W/s).
    calibrated: dict  # (1, 2, H/s, W/s), as the denoiser's last block of that stride corrects them.


@dataclasses.dataclass
class PoseTransferOutput(BaseOutput):
    """`images`: what `output_type` says, one for each generator."""

    images: Any  # A list of pictures, an array or a tensor.


class PoseTransferPipeline:
    """Puts people into other poses, with the habits of diffusers' pipelines.

    Photos are upright images of Pillow, poses are data.keypoint_values.Keypoints. `sampling`, a SamplingConfig, is how
    pictures are drawn unless a call says otherwise; it begins as the checkpoint's. Values that cannot be used raise
    InputError.
    """

    def __init__(self, model):
        self.model = model.eval()
        self.sampling = model.experiment.sampling
        self.size = tuple(model.config.image_size)
        self.resize = model.experiment.data.resize

    @classmethod
    def from_pretrained(cls, name):
        """The pipeline of a checkpoint or run folder, a file of the authors' release, or "user/name" on the hub."""
        return cls(PoseTransferModel.from_pretrained(name))

    def to(self, device):
        """The same pipeline, moved to a device. What it made before stays where it was: make it anew."""
        self.model.to(device, memory_format=torch.channels_last)
        return self

    @property
    def device(self):
        """Where the networks are."""
        return next(self.model.parameters()).device

    def __call__(
        self,
        source,                     # A photo, or a Person: then the reference encoder does not run again.
        target_pose,                # Keypoints; the picture gets the shape of their `size`.
        source_pose=None,           # Keypoints of the photo; not for a Person.
        num_inference_steps=None,   # Of the sampler; None: as `sampling` says.
        guidance_scale=None,        # None: as `sampling` says.
        sampling=None,              # A SamplingConfig in place of the pipeline's.
        num_images=1,               # Pictures that differ in their noise.
        generator=None,             # A torch.Generator on the CPU, or one per picture.
        other=None,                 # An Other, whose clothes or looks are mixed in.
        kept=None,                  # A Kept: see `keep`.
        output_type="pil",          # pil, np (B, H, W, 3) in [0, 1], or pt (B, 3, H, W) in [0, 1].
        callback_on_step_end=None,  # Called as (pipeline, number, t, {"x_t", "x_0"}); what it raises ends the call.
    ):  # fmt: skip
        """A PoseTransferOutput. "pil" pictures have the target's shape; arrays and tensors the model's size."""
        if output_type not in OUTPUTS:
            raise InputError(f"output_type: expected one of {', '.join(OUTPUTS)}; got {output_type}")
        if not isinstance(target_pose, Keypoints):
            raise InputError(f"target_pose: expected Keypoints, got {type(target_pose).__name__}")
        changes = {"steps": num_inference_steps, "guidance": guidance_scale}
        changes = {name: value for name, value in changes.items() if value is not None}
        sampling = dataclasses.replace(sampling or self.sampling, **changes)
        person = source if isinstance(source, Person) else self.person(source, source_pose)
        steps = self.steps(person, target_pose, sampling, generators_of(generator, num_images), other, kept)
        pictures = last(self._calling(callback_on_step_end, steps)).x_t
        if output_type == "pil":
            return PoseTransferOutput([self.shown(picture, target_pose.size) for picture in pictures])
        pictures = pictures.clamp(-1, 1).add(1).div(2)
        return PoseTransferOutput(pictures if output_type == "pt" else pictures.permute(0, 2, 3, 1).cpu().numpy())

    @torch.no_grad()
    def person(self, photo, pose):
        """The Person of a photo and its Keypoints. The reference encoder runs here, and nowhere else."""
        if pose is None:
            raise InputError("source_pose: expected the Keypoints of the source photo, got none")
        photo = photo.convert("RGB")
        image = self.image(photo)
        with computing_in(self.sampling.precision, self.device):
            features = self.model.reference_encoder(image)
        features = {stride: tuple(map_.float() for map_ in maps) for stride, maps in features.items()}
        return Person(image, self.pose_map(pose, photo.size[::-1]), features, photo)

    def steps(self, person, target_pose, sampling, generators, other=None, kept=None):
        """Generator of the Steps (see diffusion.samplers) of one picture per generator."""
        validate_sampling(sampling, prefix="")
        pose = self.pose_map(target_pose).expand(len(generators), -1, -1, -1)
        condition, begin = self.condition(person, pose, sampling.precision), person.image
        if other:
            theirs = self.condition(other.person, pose, sampling.precision)
            share = self._share(other, theirs)
            condition = Mixture(condition, theirs, share)
            begin = torch.lerp(begin, other.person.image, share)
        begin = begin.expand(len(generators), -1, -1, -1)
        yield from drawing(self.model, pose, condition, begin, sampling, generators, kept)

    def _calling(self, callback, steps):
        """The same steps, with a call after each, where there is something to call."""
        for step in steps:
            if callback:
                callback(self, step.number, step.t, {"x_t": step.x_t, "x_0": step.x_0})
            yield step

    @torch.no_grad()
    def condition(self, person, pose, precision):
        """The Condition for a person and pose maps (B, 20, H, W)."""
        with computing_in(precision, self.device):
            return self.model.encode(person.image, person.pose, pose, [0] * len(pose), person.features)

    def keep(self, picture, mask):
        """The Kept of a picture and a mask of its size, which is white where the picture is drawn anew.

        Both are images; the target pose is to have the size of the picture. Raises InputError for a mask of another.
        """
        if mask.size != picture.size:
            raise InputError(f"mask: expected the picture's size {picture.size}, got {mask.size}")
        return Kept(self.image(picture.convert("RGB")), 1 - self.mask(mask))

    def mask(self, image):
        """A black and white image as a mask (1, 1, H, W) of the model's size, 1 where it is white."""
        return self.image(image.convert("RGB"))[:, :1].add(1).div(2)

    def pose_map(self, keypoints, frame=None):
        """The pose map (1, 20, H, W) of Keypoints, of a picture of size `frame` (H, W); None: of their own size."""
        points = placement(frame or keypoints.size, self.size, self.resize).keypoints(to_annotation(keypoints))
        return pose_floats(torch.from_numpy(pose_levels(points, self.size)))[None].to(self.device)

    def shown(self, picture, size, height=None):
        """A picture (3, H, W) as an RGB image of the shape of `size`, as high as the model's or `height` pixels."""
        return unfit(to_image(picture), size, self.resize, height)

    @torch.no_grad()
    def flows(self, person, target_pose, picture):
        """The Flows behind a picture (1, 3, H, W) of a person in a pose. Raises InputError for a model without flow."""
        self.need_flow()
        pose, precision = self.pose_map(target_pose), self.sampling.precision
        condition = self.condition(person, pose, precision)
        with computing_in(precision, self.device):
            _, calibrated = self.model.denoiser(picture, torch.tensor([0], device=self.device), pose, condition)
        return Flows(condition.flows, condition.masks, {stride: flows[-1] for stride, flows in calibrated.items()})

    def image(self, image):
        """An RGB image of any size as float32 (1, 3, H, W) in [-1, 1], of the model's."""
        return to_tensor(fit(image, self.size, self.resize))[None].to(self.device)

    def need_flow(self):
        """Raise InputError for a model without a flow."""
        if not self.model.config.flow:
            raise InputError("model.flow: expected a model with a flow, got false")

    def _share(self, other, theirs):
        """How much of each target pixel is another person's: (1, 1, H, W). Their mask comes along their flow."""
        if not 0 <= other.share <= 1:
            raise InputError(f"share: expected a number from 0 to 1, got {other.share}")
        if other.mask is None:
            return torch.full((1, 1, *self.size), float(other.share), device=self.device)
        if not theirs.flows:
            return other.mask * other.share
        finest = theirs.flows[min(theirs.flows)][:1]
        return bilinear_warp(other.mask, resize_flow(finest.float(), self.size)) * other.share


def generators_of(generator, count):
    """`count` generators: those given, or new ones seeded from the one given, or from the machine's entropy."""
    if type(count) is not int or count < 1:
        raise InputError(f"num_images: expected a whole number, 1 or more, got {count}")
    if isinstance(generator, (list, tuple)):
        if len(generator) != count:
            raise InputError(f"generator: expected {count}, one per picture, got {len(generator)}")
        return list(generator)
    if generator is not None and count == 1:
        return [generator]
    seeds = torch.randint(2**62, (count,), generator=generator or seeded())
    return [seeded(seed) for seed in seeds.tolist()]
