"""A definition as the file it would be: what an export writes, and somebody can go on writing by hand."""

from __future__ import annotations

from collections.abc import Mapping

from portal.checklists.definition import Definition, Required, dump
from portal.kit.i18n import LOCALES
from portal.kit.yamlout import Line, to_yaml

USUAL: Mapping[str, object] = {"by": "customer", "scope": "account", "required": True}
"""What a step is where its file says nothing."""


def text_of(definition: Definition) -> str:
    """The file of `definition`: reading it gives an equal one. What is usual is left out."""
    said = dump(definition)
    raw: dict[str, object] = {}
    for name, value in said.items():
        if name == "completed_when" and isinstance(definition.completed_when, Required):
            continue
        raw[name] = [_step(one) for one in value] if name == "steps" and isinstance(value, list) else _line(name, value)
    if definition.from_day is not None:
        raw["from"] = definition.from_day
    return to_yaml(raw)


def _step(said: Mapping[str, object]) -> dict[str, object]:
    return {name: _line(name, value) for name, value in said.items() if USUAL.get(name) != value}


def _line(name: str, value: object) -> object:
    if name in ("title", "description") and isinstance(value, Mapping):
        return Line({locale: value[locale] for locale in LOCALES if locale in value})
    return _deep(value) if isinstance(value, Mapping) else value


def _deep(value: object) -> object:
    if isinstance(value, Mapping):
        return Line({key: _deep(inner) for key, inner in value.items()})
    return [_deep(inner) for inner in value] if isinstance(value, list) else value
