"""Folders import each other as docs/folders.svg draws it, private names stay in theirs, and nothing is long."""

import ast
import graphlib
import statistics

import pytest

from tests.drawings import arrows, boxes, drawing
from tests.repository import FUNCTION, ROOT, folder, imported_names, imports, module_of, modules, stored, tree

MOST_LINES, MOST_LINES_OF_FUNCTION, MEDIAN_LINES_OF_FUNCTION = 250, 60, 8
# Exceptions: a module, and the private name of another folder that it uses.
REACHED_INTO = {
    ("benchmarks.loading", "_value"),
    ("tests.data.test_store", "_environment"),
    ("tests.data.test_synthetic", "_write_pairs"),
    ("tests.evaluation.test_scoring", "_each"),
    ("tests.evaluation.test_scoring", "_map"),
    ("tests.training.gradient", "_leave"),
    ("tests.training.gradient", "_plain_model"),
    ("tests.training.test_trainer", "_plain_model"),
}


def folder_of(box):
    return box.name.removesuffix("/").removesuffix(".py")


@pytest.fixture(scope="module")
def drawn():
    """(upper, lower) box of each arrow between folders."""
    svg = drawing("folders")
    found = list(boxes(svg))
    return [[next(box for box in found if box.touches(*point)) for point in arrow] for arrow in arrows(svg)]


def test_every_folder_with_code_is_drawn():
    assert {folder_of(box) for box in boxes(drawing("folders"))} == {folder(module) for module in modules()} - {"tests"}


def test_arrows_lead_down(drawn):
    assert all(upper.bottom < lower.top for upper, lower in drawn)


def test_arrows_are_the_imports_that_no_others_imply(drawn):
    used = {}
    for module, others in imports().items():
        used.setdefault(folder(module), set()).update({folder(other) for other in others} - {folder(module)})
    del used["tests"]
    reach = {}
    for name in graphlib.TopologicalSorter(used).static_order():
        reach[name] = used[name].union(*(reach[other] for other in used[name]))
    implied = {(name, far) for name, others in used.items() for other in others for far in reach[other]}
    needed = {(name, other) for name, others in used.items() for other in others} - implied
    assert {(folder_of(upper), folder_of(lower)) for upper, lower in drawn} == needed


def test_no_modules_import_each_other_in_a_circle():
    graphlib.TopologicalSorter(imports()).prepare()


def private(name):
    return name.startswith("_") and not name.startswith("__")


def imported_from_elsewhere(module):
    """Private names that a module imports from another folder."""
    for name in imported_names(module):
        if module_of(name)[0] and folder(name) != folder(module) and private(last := name.rpartition(".")[2]):
            yield last


def taken_from_objects(module):
    """Private names that a module takes from objects other than its own classes'."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Attribute) and private(node.attr) and ast.unparse(node.value) not in ("self", "cls"):
            yield node.attr


def defined_in(name):
    """Names that the modules of a folder define anywhere."""
    nodes = [node for module in modules() if folder(module) == name for node in ast.walk(tree(module))]
    named = {node.name for node in nodes if isinstance(node, (*FUNCTION, ast.ClassDef))}
    return named.union(*(stored(tree(module)) for module in modules() if folder(module) == name))


def test_private_names_stay_in_their_folder():
    own = {name: defined_in(name) for name in {folder(module) for module in modules()}}
    reached = set()
    for module in modules():
        others = set().union(*(names for name, names in own.items() if name != folder(module)))
        theirs = set(taken_from_objects(module)) & others - own[folder(module)]
        reached |= {(module, name) for name in theirs.union(imported_from_elsewhere(module))}
    assert reached == REACHED_INTO


def test_files_are_short():
    sources = [*(path for name, path in modules().items() if folder(name) != "tests"), *ROOT.glob("app/assets/*")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}


def test_functions_are_short():
    nodes = [(module, node) for module in modules() for node in ast.walk(tree(module)) if isinstance(node, FUNCTION)]
    lengths = {f"{module}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1 for module, node in nodes}
    assert {where: length for where, length in lengths.items() if length > MOST_LINES_OF_FUNCTION} == {}
    assert statistics.median(lengths.values()) <= MEDIAN_LINES_OF_FUNCTION
