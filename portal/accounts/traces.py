"""By what a person can be recognised in texts, and those texts without it: pure.

An id or an address counts wherever it stands as a word of its own: `u053-1` is not in `u053-12`, and nobody's address
is in a longer one. A name counts with or without the space in it. What is too short to mean anybody (`5`, `Jo`, `林`)
counts only where it is the whole of a text, and a number only where it is an id of four digits or more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from portal.accounts.rules import folded

REMOVED: Final = "[erased]"
SHORTEST_WORD = 4
SHORTEST_CJK = 3
SHORTEST_NUMBER = 4
BEFORE, AFTER = r"(?<![0-9A-Za-z._%+-])", r"(?![0-9A-Za-z_%+-]|\.[0-9A-Za-z])"


@dataclass(frozen=True)
class Traces:
    """What a person is called: their id, address and names, as they are written."""

    identifiers: tuple[str, ...]
    _whole: frozenset[str] = field(init=False, repr=False)
    _within: re.Pattern[str] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        long_enough = [one for one in self.identifiers if _may_be_part(one)]
        pattern = "|".join(_pattern(one) for one in sorted(long_enough, key=len, reverse=True))
        object.__setattr__(self, "_whole", frozenset(_as_one(one) for one in self.identifiers))
        object.__setattr__(self, "_within", re.compile(pattern, re.IGNORECASE) if pattern else None)

    @property
    def needles(self) -> tuple[str, ...]:
        """What a text that has to be looked at more closely contains, whatever the case of its letters."""
        return tuple(dict.fromkeys(max(one.split(), key=len) for one in self.identifiers))

    def is_whole(self, text: str) -> bool:
        """Whether `text` is one of them and nothing else."""
        return _as_one(text) in self._whole

    def out_of(self, text: str) -> str:
        """`text` without them."""
        if self.is_whole(text):
            return REMOVED
        return self._within.sub(REMOVED, text) if self._within else text

    def scrubbed(self, value: Any) -> Any:
        """A JSON value without them, names of fields too."""
        match value:
            case str():
                return self.out_of(value)
            case bool():
                return value
            case int():
                return None if len(str(value)) >= SHORTEST_NUMBER and self.is_whole(str(value)) else value
            case list():
                return [self.scrubbed(one) for one in value]
            case dict():
                return {self.out_of(key): self.scrubbed(one) for key, one in value.items()}
        return value


def traces_of(member: Mapping[str, object]) -> Traces:
    """Those of the member whose columns these are."""
    told = (member[name] for name in ("external_id", "email", "email_key", "name", "name_kana"))
    return Traces(tuple(dict.fromkeys(one.strip() for one in told if isinstance(one, str) and one.strip())))


def _as_one(text: str) -> str:
    return "".join(folded(text).split())


def _may_be_part(identifier: str) -> bool:
    return len(_as_one(identifier)) >= (SHORTEST_WORD if identifier.isascii() else SHORTEST_CJK)


def _pattern(identifier: str) -> str:
    words = r"\s*".join(re.escape(word) for word in identifier.split())
    return BEFORE * identifier[0].isascii() + words + AFTER * identifier[-1].isascii()
