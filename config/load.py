"""YAML files and `key=value` words into a checked `Config`, and back.

    config = load_config("config/demo_64.yaml", ["training.steps=100", "model.attention[0].kernel=5"])

YAML is read with the rules of YAML 1.2 where 1.1 surprises: `no` and `on` are words, 1e-3 is a number, a key given
twice is an error. Values have the type that `config.schema` says; nothing is converted but an integer to a float.
"""

import re
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from config.checks import validate
from config.schema import Config
from system.errors import InputError

_EXPECTED = {bool: "true or false", int: "an integer", float: "a number", str: "text", list: "a list"}
_NOUNS = {bool: "bool", int: "integer", float: "float", str: "text", list: "list", dict: "mapping", type(None): "null"}


def load_config(path, overrides=()):
    """The experiment of the YAML file `path`, changed by `key=value` words in their order; a plain, checked `Config`.

    Raises InputError for a file that cannot be read, an unknown key, a value of the wrong type, or one that
    `config.checks.validate` refuses.
    """
    config = _merge_tree(OmegaConf.structured(Config), _read_file(path), path)
    for word in overrides:
        _override(config, word)
    return _finish(config, path)


def to_yaml(config):
    """The whole configuration as YAML text, every key written out; `load_config` gives the same `Config` back."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the plain scalars of YAML 1.2, and without duplicate keys."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012 (PyYAML's own way of inheriting them)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} is not text", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key} is given twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(~|null|)$"), None)
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(true|false|True|False)$"), list("tfTF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?(0|[1-9][0-9_]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?([0-9][0-9_]*\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


def _read_file(path):
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: expected a configuration file, got no such file") from None
    except OSError as error:
        raise InputError(f"{path}: expected a configuration file, got: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: expected a configuration file, which is text") from None
    return _parse(text, path)


def _parse(text, name):
    """The mapping that YAML text holds; an empty text is an empty mapping, which leaves every default."""
    try:
        tree = yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{name}{line}: {getattr(error, 'problem', None) or error}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise InputError(f"{name}: expected sections such as 'training:' at the top, found {_describe(tree)}")
    return tree


def _merge_tree(config, tree, name):
    _check_type(tree, Config, "", name)
    try:
        return OmegaConf.merge(config, tree)
    except OmegaConfBaseException as error:
        raise _as_input_error(error, name) from None


def _override(config, word):
    """Change `config` in place by one `key=value` word."""
    key, equals, text = word.partition("=")
    if not equals or not key:
        raise InputError(f"{word}: expected key=value, such as training.steps=1000")
    kind = _type_at(config, key)
    value = text if kind is str else _parse_value(text, key)
    _check_type(value, kind, key, "the command line")
    try:
        OmegaConf.update(config, key, value)
    except OmegaConfBaseException as error:
        raise _as_input_error(error, "the command line") from None


def _parse_value(text, key):
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError):
        raise InputError(f"{key}: expected a YAML value, got {text!r}") from None


def _type_at(config, key):
    """The type that the schema gives to a dotted key; list elements are `name[0]`, and must exist."""
    kind, node = Config, config
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", key):
        if name and is_dataclass(kind) and name in get_type_hints(kind):
            kind, node = get_type_hints(kind)[name], node[name]
        elif index and get_origin(kind) is list and int(index) < len(node):
            kind, node = get_args(kind)[0], node[int(index)]
        else:
            raise _unknown_key(key, "the command line")
    if not re.fullmatch(r"\w+(\[\d+\])?(\.\w+(\[\d+\])?)*", key):
        raise _unknown_key(key, "the command line")
    return kind


def _check_type(value, kind, key, origin):
    """Raise InputError unless `value`, as YAML gave it, fits the annotation `kind` of the schema."""
    if is_dataclass(kind):
        _require(isinstance(value, dict), value, f"settings such as {fields(kind)[0].name}", key, origin)
        hints = get_type_hints(kind)
        for name, child in value.items():
            child_key = f"{key}.{name}" if key else name
            if name not in hints:
                raise _unknown_key(child_key, origin)
            _check_type(child, hints[name], child_key, origin)
    elif get_origin(kind) is list:
        _require(isinstance(value, list), value, "a list", key, origin)
        for i, child in enumerate(value):
            _check_type(child, get_args(kind)[0], f"{key}[{i}]", origin)
    else:
        fits = type(value) is kind or (kind is float and type(value) is int)
        _require(fits, value, _EXPECTED[kind], key, origin)


def _require(fits, value, expected, key, origin):
    if not fits:
        raise InputError(f"{key}: expected {expected}, but {origin} gives {_describe(value)}")


def _describe(value):
    noun = _NOUNS.get(type(value), type(value).__name__)
    return noun if value is None else f"the {noun} {value!r}"


def _unknown_key(key, origin):
    keys = dict(_all_keys(Config))
    nearest = get_close_matches(_unindexed(key), keys, n=1, cutoff=0)[0]
    return InputError(f"{key}: unknown key in {origin}; the nearest one is {keys[nearest]}")


def _unindexed(key):
    return re.sub(r"\[\d+\]", "", key)


def _all_keys(kind, prefix=""):
    """(dotted key without indices, dotted key as one would write it) of every section and setting."""
    for name, hint in get_type_hints(kind).items():
        key = f"{prefix}{name}"
        yield _unindexed(key), key
        if is_dataclass(hint):
            yield from _all_keys(hint, f"{key}.")
        elif get_origin(hint) is list and is_dataclass(get_args(hint)[0]):
            yield from _all_keys(get_args(hint)[0], f"{key}[0].")


def _finish(config, name):
    """Resolve ${..} references, leave OmegaConf's types behind, and check the values."""
    try:
        plain = OmegaConf.to_object(config)
    except OmegaConfBaseException as error:
        raise _as_input_error(error, name) from None
    assert isinstance(plain, Config)
    validate(plain)
    return plain


def _as_input_error(error, name):
    reason = str(error).splitlines()[0]
    return InputError(f"{error.full_key or name}: expected a value, or a reference to one ({reason})")
