"""The schema files, as tests apply them: an object has no key that its schema does not name."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"


def conforms(verb: str, answer: Any) -> None:
    """Check that a verb's answer is as its schema says, and no other key is in it."""
    problem = best_match(_strict(verb).iter_errors(answer))
    assert problem is None, f"{verb}: {problem.json_path}: {problem.message}"


@cache
def _strict(verb: str) -> Any:
    schema = json.loads((SCHEMAS / f"{verb}.json").read_text())
    for each in schema["$defs"].values():
        each["additionalProperties"] = False
    return Draft202012Validator(schema)
