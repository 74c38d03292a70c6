import shutil
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from evaluation import vision  # noqa: F401 (before torchvision)
from evaluation.networks import FILES, LPIPS, Inception, NotComputed, find_weights
from system.errors import InputError

import torchmetrics  # isort: skip
import torchvision  # isort: skip
from pytorch_fid import inception as pytorch_fid  # isort: skip

TAPS = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}  # The ReLUs of the paper's figure, in torchvision's order.


def images(count, size, seed=0):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def test_the_fid_network_equals_pytorch_fids(weights, monkeypatch):
    tensors = torch.load(weights / "pt_inception-2015-12-05-6726825d.pth", weights_only=True)
    monkeypatch.setattr(pytorch_fid, "load_state_dict_from_url", lambda *args, **options: tensors)  # noqa: ARG005
    theirs = pytorch_fid.InceptionV3().eval()
    pictures = images(2, (256, 176))
    with torch.no_grad():
        expected = theirs(pictures)[0].flatten(1)
    features = Inception("fid", weights)(pictures)
    assert features.shape == (2, 2048)
    assert features.std() > 0.01
    torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-6)


def test_the_imagenet_network_equals_torchvisions(weights):
    network = torchvision.models.inception_v3(weights=None, init_weights=False, transform_input=False).eval()
    network.load_state_dict(torch.load(weights / "inception_v3_google-0cc3c7bd.pth", weights_only=True))
    seen = []
    network.avgpool.register_forward_hook(lambda module, given, out: seen.append(out.flatten(1)))  # noqa: ARG005
    pictures = images(2, (128, 64))
    with torch.no_grad():
        network(F.interpolate(pictures, (299, 299), mode="bilinear", align_corners=False) * 2 - 1)
    features = Inception("imagenet", weights)(pictures)
    assert features.std() > 0.01
    torch.testing.assert_close(features, seen[0], rtol=1e-5, atol=1e-6)


def lpips_by_hand(trunk, folder, a, b):
    """Zhang et al., equation 1, from torchvision's layers and the heads in torchmetrics' file."""
    model = {"alex": torchvision.models.alexnet, "vgg": torchvision.models.vgg16}[trunk]
    with torch.device("meta"):
        layers = model(weights=None).features.eval()
    tensors = torch.load(folder / FILES[trunk][0], weights_only=True)
    own = {name.removeprefix("features."): tensor for name, tensor in tensors.items() if name.startswith("features.")}
    layers.load_state_dict(own, assign=True)
    heads_file = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models" / f"{trunk}.pth"
    heads = torch.load(heads_file, "cpu", weights_only=True)
    shift, scale = torch.tensor([[-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]])[:, None, :, None, None]
    x, y, total = (a - shift) / scale, (b - shift) / scale, 0
    with torch.no_grad():
        for index, layer in enumerate(layers[: TAPS[trunk][-1] + 1]):
            x, y = layer(x), layer(y)
            if index in TAPS[trunk]:
                unit_x, unit_y = (v / v.square().sum(1, keepdim=True).add(1e-8).sqrt() for v in (x, y))
                head = heads[f"lin{TAPS[trunk].index(index)}.model.1.weight"]  # (1, C, 1, 1)
                total = total + ((unit_x - unit_y).square() * head[0]).sum(1).mean((1, 2))
                x, y = x.clone(), y.clone()  # The next layer may work in place.
    return total


@pytest.mark.parametrize("trunk", ["alex", "vgg"])
def test_lpips_equals_its_formula(weights, trunk):
    a, b = images(2, (64, 48)) * 2 - 1, images(2, (64, 48), seed=1) * 2 - 1
    distances = LPIPS(trunk, weights)(a, b)
    assert distances.shape == (2,)
    assert distances.min() > 0.01
    torch.testing.assert_close(distances, lpips_by_hand(trunk, weights, a, b), rtol=1e-5, atol=1e-5)


def test_lpips_of_equal_pictures_is_zero(weights):
    picture = images(2, (64, 64)) * 2 - 1
    assert LPIPS("alex", weights)(picture, picture).tolist() == [0, 0]


@pytest.mark.parametrize(("trunk", "side"), [("alex", 31), ("vgg", 16)])
def test_the_smallest_pictures_are_just_large_enough(weights, trunk, side):
    network = LPIPS(trunk, weights)
    a, b = images(1, (side, side)), images(1, (side, side), seed=1)
    assert network(a, b) > 0
    with pytest.raises(RuntimeError):
        network(a[..., 1:, 1:], b[..., 1:, 1:])


def test_a_missing_file_is_named_with_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path / "hub"))
    path = tmp_path / "hub" / "checkpoints" / "alexnet-owt-7be5be79.pth"
    with pytest.raises(NotComputed) as caught:
        LPIPS("alex")
    assert str(caught.value) == f"put alexnet-owt-7be5be79.pth at {path}"
    with pytest.raises(NotComputed, match=f"^put inception_v3_google-0cc3c7bd.pth at {tmp_path}/inception"):
        Inception("imagenet", tmp_path)


def test_torchs_cache_is_where_weights_are_looked_for(tmp_path, monkeypatch, weights):
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").symlink_to(weights)
    assert find_weights("fid") == tmp_path / "checkpoints" / "pt_inception-2015-12-05-6726825d.pth"


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match=f"^{tmp_path / 'none'}: expected the folder"):
        find_weights("alex", tmp_path / "none")


def changed(weights, name, change, folder, new_name=None):
    tensors = torch.load(weights / name, weights_only=True)
    change(tensors)
    torch.save(tensors, folder / (new_name or name))
    return folder


def test_files_without_what_is_not_used_are_taken(weights, tmp_path):
    def shorten(tensors):
        for name in [name for name in tensors if name.startswith("classifier.")]:
            del tensors[name]

    folder = changed(weights, "alexnet-owt-7be5be79.pth", shorten, tmp_path)
    a, b = images(1, (64, 48)), images(1, (64, 48), seed=1)
    assert LPIPS("alex", folder)(a, b).equal(LPIPS("alex", weights)(a, b))


def test_the_older_file_of_inception_is_taken(weights, tmp_path):
    def age(tensors):
        for name in [name for name in tensors if name.endswith("num_batches_tracked")]:
            del tensors[name]

    new, old = FILES["imagenet"]
    network = Inception("imagenet", changed(weights, new, age, tmp_path, old))
    assert network.file == tmp_path / old
    assert network(images(1, (299, 299))).equal(Inception("imagenet", weights)(images(1, (299, 299))))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda tensors: tensors.pop("features.3.weight"), "features.3.weight is missing"),
        (lambda tensors: tensors.update({"features.0.bias": torch.zeros(3)}), r"features.0.bias is \(3,\), not"),
    ],
)
def test_a_foreign_file_is_named(weights, tmp_path, change, fault):
    folder = changed(weights, "alexnet-owt-7be5be79.pth", change, tmp_path)
    with pytest.raises(InputError, match=f"^{folder / 'alexnet-owt-7be5be79.pth'}: expected .*{fault}"):
        LPIPS("alex", folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_file_with_numbers_that_are_not_finite_is_named_with_the_tensor(weights, tmp_path, value):
    def spoil(tensors):
        tensors["features.3.weight"].view(-1)[5] = value

    folder = changed(weights, "alexnet-owt-7be5be79.pth", spoil, tmp_path)
    with pytest.raises(InputError, match=f"^{folder / 'alexnet-owt-7be5be79.pth'}: .*; features.3.weight has numbers"):
        LPIPS("alex", folder)


def test_inception_of_the_other_kind_is_refused(weights, tmp_path):
    shutil.copy(weights / FILES["imagenet"][0], tmp_path / FILES["fid"][0])
    with pytest.raises(InputError, match=r"expected Inception v3 of 1008 classes; fc.weight is \(1000, 2048\)"):
        Inception("fid", tmp_path)


def test_a_damaged_file_is_named(weights, tmp_path):
    whole = (weights / FILES["fid"][0]).read_bytes()
    damaged = tmp_path / FILES["fid"][0]
    damaged.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=f"^{damaged}: "):
        Inception("fid", tmp_path)


def test_a_list_of_tensors_is_no_network(tmp_path):
    torch.save([torch.zeros(1)], tmp_path / FILES["alex"][0])
    with pytest.raises(InputError, match="found list"):
        LPIPS("alex", tmp_path)


def test_the_files_sum_tells_whether_it_is_the_published_one(weights, tmp_path, monkeypatch):
    network = LPIPS("alex", weights)
    assert not network.is_published()
    name = f"alexnet-owt-{network.sha256[:8]}.pth"
    shutil.copy(network.file, tmp_path / name)
    monkeypatch.setitem(FILES, "alex", (name,))
    assert LPIPS("alex", tmp_path).is_published()
