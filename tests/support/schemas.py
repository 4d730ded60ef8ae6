"""Answers held against a JSON Schema of `sesh --schema`, strictly: a key that it does not list is a fault too."""

from __future__ import annotations

from typing import Any

import jsonschema

from sesh import moments


def strict(shown: Any) -> Any:
    """The schema, its objects closed: it tells readers to ignore keys that they do not know, and sesh prints none."""
    if isinstance(shown, list):
        return [strict(each) for each in shown]
    if not isinstance(shown, dict):
        return shown
    closed = {key: strict(each) for key, each in shown.items()}
    if isinstance(shown.get("properties"), dict):
        closed["additionalProperties"] = False
    return closed


def described(value: object, shown: dict[str, Any], *, closed: bool = True) -> list[str]:
    """Where a value is not what a schema says; empty where it is. Without `closed` other keys are no fault."""
    jsonschema.Draft202012Validator.check_schema(shown)
    formats = jsonschema.FormatChecker(formats=())
    formats.checks("date-time")(lambda text: not isinstance(text, str) or moments.seconds(text) is not None)
    validator = jsonschema.Draft202012Validator(strict(shown) if closed else shown, format_checker=formats)
    return [f"{each.json_path}: {each.message[:300]}" for each in validator.iter_errors(value)]
