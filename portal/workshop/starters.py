"""Checklists to begin from: files of the package, in both languages; whoever begins changes what they like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from portal.checklists.definition import Definition, Text, load
from portal.kit.files import load_yaml

FOLDER = Path(__file__).parent / "starters"


@dataclass(frozen=True)
class Starter:
    """One of them: what it is good for, and what it says."""

    name: str
    about: Text
    definition: Definition


@cache
def starters() -> Sequence[Starter]:
    """All of them, in the order of their files."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.yml")))


def starter(name: str) -> Starter | None:
    """The one called so."""
    return next((one for one in starters() if one.name == name), None)


def _read(path: Path) -> Starter:
    value = load_yaml(path.read_text(encoding="utf-8"), file=path.name).value
    assert isinstance(value, dict), "a starter is a checklist with a word about it"
    about = value.pop("about")
    return Starter(path.stem.partition("-")[2], about, load(value))
