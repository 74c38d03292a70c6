"""docs/architecture.md and the drawing of the network say what the code is."""

import re

import pytest

from config.load import load_config
from models.pose_transfer import PoseTransferModel
from tests.drawings import SVG, arrows, boxes, drawing, name_of, texts
from tests.repository import ROOT, defined, folder, holds, module_of, modules, tree

TEXT = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
MARKS = sorted(set(re.findall(r"`([^`\n]+)`", TEXT)))


def exists(mark):
    """Whether a code mark is a path, a flag, a setting, or a name of the repository."""
    mark = mark.removeprefix("python -m ")
    sources = [name for name in modules() if folder(name) != "tests"]
    if mark.startswith("--"):
        return any(f'"{mark}"' in modules()[name].read_text(encoding="utf-8") for name in sources)
    module, rest = module_of(mark)
    if (ROOT / mark).exists() or (module and holds(tree(module), rest)) or is_setting(*mark.split(".")):
        return True
    return any(holds(tree(name), mark.split(".")) for name in sources)


def is_setting(section, *rest):
    """Whether config/schema.py has the key section.rest."""
    found = defined(tree("config.schema")).get(f"{section.capitalize()}Config")
    return found is not None and holds(found, rest)


def test_code_marks_are_something_of_the_repository():
    assert len(MARKS) > 100
    assert [mark for mark in MARKS if not exists(mark)] == []


@pytest.mark.parametrize("mark", ["app/nothing.py", "data.pose.nothing", "Condition.nothing", "training.none", "--no"])
def test_a_code_mark_of_nothing_is_known_for_one(mark):
    assert not exists(mark)


def test_linked_files_are_there():
    links = re.findall(r"\]\(([^)#]+)", TEXT)
    assert {"network.svg", "folders.svg"} <= set(links)
    assert all((ROOT / "docs" / link).is_file() for link in links)


@pytest.fixture(scope="module")
def paper():
    """The network of the paper's setting, without memory."""
    return PoseTransferModel.empty(load_config(ROOT / "config/deepfashion_256.yaml").model)


def test_parameters_are_those_of_the_parts(paper):
    told = dict(re.findall(r"\| (?:of it )?`(\w+)`[^|]*\| ([\d,]+) \|", TEXT))
    assert len(told) == 6
    for name, number in told.items():
        parts = [module for module in paper.modules() if type(module).__name__ == name]
        assert f"{sum(p.numel() for part in parts for p in part.parameters()):,}" == number, name


def test_names_in_the_network_are_those_of_the_code():
    named = [text for is_name, text in texts(drawing("network")) if is_name]
    words = {word for text in named for word in re.findall(r"[A-Z][\w.]+", text)}
    assert {"ReferenceEncoder", "FlowNet", "FlowAttention", "MSFF", "UNet"} <= words
    in_models = [tree(module) for module in modules() if folder(module) == "models"]
    assert [word for word in words if not any(holds(module, word.split(".")) for module in in_models)] == []


def test_numbers_in_the_network_are_those_of_the_papers_setting(paper):
    assert numbers(drawing("network")) == expected_numbers(paper)


def numbers(svg):
    """(name of the box, or "", text) of each text with a number in it, but for the formula of the mask."""
    inside = [(name_of(group), text) for group in svg.iter(f"{SVG}g") for _, text in texts(group)]
    beside = [("", text) for _, text in texts(svg) if text not in {text for _, text in inside}]
    return {(name, text) for name, text in inside + beside if re.search(r"\d", text) and "mask)" not in text}


def expected_numbers(paper):
    """The same of a network."""
    config, (height, width) = paper.config, paper.config.image_size
    widths = {2**i: config.channels * times for i, times in enumerate(config.channel_multipliers)}
    deep = {level.stride: widths[level.stride] for level in config.attention}
    slim = {stride: width for stride, width in widths.items() if stride not in deep}
    of_flow = {2 ** (i + 1): block[-1].out_channels for i, block in enumerate(paper.flow_net.down)}
    rows, columns = (side // config.token_stride for side in config.image_size)
    return {
        *(("ReferenceEncoder", f"stride {stride} · {width}") for stride, width in widths.items()),
        *(("FlowNet", f"stride {stride} · {width}") for stride, width in of_flow.items()),
        ("FlowNet", f"{len(paper.flow_net.heads)} x FlowHead"),
        *(("Condition", f"stride {stride} · {height // stride} x {width // stride}") for stride in deep),
        *(("Condition", f"features 2 x {width}") for width in deep.values()),
        ("Condition", "flow 2, mask 1"),
        *(("", given) for given in ("image · 3", "pose · 20", "x_t 3 + target pose 20", "noise 3 + v 3")),
        ("", f"{paper.denoiser.stem.in_channels} x {height} x {width}"),
        ("", f"{paper.denoiser.conv_out.out_channels} x {height} x {width}"),
        ("MSFF", f"{rows} x {columns} tokens"),
        *((f"Slim{way}", f"stride {s} · {width} channels") for way in ("Input", "Output") for s, width in slim.items()),
        *((f"Deep{way}", f"stride {s} · {width} channels") for way in ("Input", "Output") for s, width in deep.items()),
        *(("", f"kernel {level.kernel}, radius {level.radius}") for level in config.attention),
    }


@pytest.mark.parametrize("name", ["network", "folders"])
def test_arrows_end_at_boxes(name):
    svg = drawing(name)
    ends = [end for _, end in arrows(svg)]
    assert ends
    assert all(any(box.touches(*end) for box in boxes(svg)) for end in ends)
