"""What tests ask of the repository's own source: its modules, what they import and define."""

import ast
import functools
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@functools.cache
def modules():
    """Name -> path of each module: of the folders with code, and of the programs beside them."""
    folders = {path.parent for path in ROOT.glob("[!.]*/*.py")}
    paths = [*ROOT.glob("*.py"), *(path for folder in folders for path in folder.rglob("*.py"))]
    names = (path.relative_to(ROOT).with_suffix("").parts for path in paths)
    return {".".join(name).removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


@functools.cache
def tree(module):
    """The syntax tree of a module."""
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def folder(module):
    """The folder at the top that a module is in; of a program beside the folders, its own name."""
    return module.partition(".")[0]


def module_of(name):
    """The module that a dotted name leads to, or "", and what it is called there, a list."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        if (module := ".".join(parts[:end])) in modules():
            return module, parts[end:]
    return "", parts


def imported_names(module):
    """Dotted names of what a module imports, at its top or later."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def imports():
    """Module -> those of the repository that it imports."""
    return {
        module: {other for name in imported_names(module) if (other := module_of(name)[0])} - {module}
        for module in modules()
    }


def stored(node):
    """Names and attributes that a piece of code gives values to."""
    for part in ast.walk(node):
        if isinstance(part, (ast.Name, ast.Attribute)) and isinstance(part.ctx, ast.Store):
            yield part.id if isinstance(part, ast.Name) else part.attr


def defined(node):
    """Name -> node of the functions, classes and values that a module or class defines."""
    found = {}
    for child in node.body:
        if isinstance(child, (*FUNCTION, ast.ClassDef)):
            found[child.name] = child
        elif isinstance(child, (ast.Assign, ast.AnnAssign)):
            found |= dict.fromkeys(stored(child), child)
    return found


def holds(node, parts):
    """Whether a module or class defines the first of the names, that one the second, and so on."""
    for part in parts:
        node = defined(node).get(part) if hasattr(node, "body") else None
    return node is not None
