"""The JSON Schemas of the answers: `python docs/schemas.py [DIRECTORY]` writes them, by default into docs/schema.

They are made from grubkd/render/reports.py, which declares each object. Run it after each change there.
"""

import json
import sys
from enum import Enum
from inspect import getdoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))

from grubkd.render.reports import FAILURE, VERBS  # noqa: E402 - the package is beside this directory

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def main(directory: Path) -> None:
    """Write a schema for each verb into a directory."""
    directory.mkdir(exist_ok=True)
    for verb in VERBS:
        (directory / f"{verb}.json").write_text(text(verb))


def text(verb: str) -> str:
    """The schema of a verb's answers, as its file has it."""
    return json.dumps(schema(verb), indent=2) + "\n"


def schema(verb: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a verb's answers. Other keys are allowed: later releases add some."""
    known: dict[str, Any] = {}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:grubkd:1:{verb}",
        "title": f"grubkd {verb} --json",
        "anyOf": [_of(each, known) for each in (*VERBS[verb], FAILURE)],
        "$defs": known,
    }


def _of(kind: Any, known: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type; objects go into `known`, by name."""
    arguments, origin = get_args(kind), get_origin(kind)
    parts = [_of(each, known) for each in arguments] if origin in (UnionType, Union, list, tuple) else []
    made: dict[str, Any] = {}
    if kind in _PLAIN:
        made = {"type": _PLAIN[kind]}
    elif origin is Literal:
        made = {"enum": list(arguments)} if len(arguments) > 1 else {"const": arguments[0]}
    elif origin in (UnionType, Union):
        made = {"anyOf": parts}
    elif origin is list:
        made = {"type": "array", "items": parts[0]}
    elif origin is tuple:
        made = {"type": "array", "prefixItems": parts, "minItems": len(parts), "maxItems": len(parts)}
    elif origin is dict:
        made = {"type": "object", "additionalProperties": _of(arguments[1], known)}
    elif isinstance(kind, type) and issubclass(kind, Enum):
        made = {"enum": [each.value for each in kind]}
    elif kind is not Any:
        made = _object(kind, known)
    return made


def _object(kind: Any, known: dict[str, Any]) -> dict[str, Any]:
    if not is_typeddict(kind):
        raise TypeError(f"no JSON Schema for {kind}")
    name = kind.__name__.removeprefix("_").removesuffix("Answer")
    if name not in known:
        known[name] = {}  # keeps the order of first use
        description = {"description": getdoc(kind)} if kind.__doc__ and kind.__doc__ != dict.__doc__ else {}
        known[name] = {
            **description,
            "type": "object",
            "properties": {key: _of(each, known) for key, each in get_type_hints(kind).items()},
            "required": sorted(kind.__required_keys__),
        }
    return {"$ref": f"#/$defs/{name}"}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else TOP / "docs" / "schema")
