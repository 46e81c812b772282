"""Whether a translation still says what its original says. Pure: what is known of the texts is given.

A translation names the text it was made from; what comes from files names none, so it is taken to have been made from
what the other language said when it was published. Only words count: a date or a shelf that changed in the original
asks no translator for anything. By section, so that whoever translates sees where to look.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from portal.content.front_matter import split_front_matter
from portal.kit.i18n import LOCALES, Locale

State = Literal["original", "current", "stale", "missing"]
STATES: Final[Sequence[State]] = ("original", "current", "stale", "missing")
HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
BREAK = re.compile(r"\r\n|\r|\n")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True)
class Newest:
    """The newest text of a document in one language. `made_from` is the number of the text of the other language that
    it names; `marked` the one that somebody last said it is up to date with. None where there is none.
    """

    id: int
    number: int
    title: str
    at: datetime
    made_from: int | None = None
    marked: int | None = None

    @property
    def is_linked(self) -> bool:
        """Whether anything says that it is a translation."""
        return self.made_from is not None or self.marked is not None


@dataclass(frozen=True)
class Milestone:
    """A text that was published from a file, or the first of all: what it can have been translated from."""

    number: int
    is_file: bool
    at: datetime


def original_of(newest: Mapping[Locale, Newest], *, house: Locale) -> Locale:
    """The language a document is translated from: the one that names no other. Where that does not tell, the one
    language there is, or `house`, the vendor's own."""
    free = [locale for locale in LOCALES if locale in newest and not newest[locale].is_linked]
    if len(free) == 1:
        return free[0]
    return house if house in newest else next(iter(newest))


def made_from(translation: Newest, its: Sequence[Milestone], originals: Sequence[Milestone]) -> int:
    """The number of the text of the original that `translation` was made from, as far as is known; at least 1."""
    said = [number for number in (translation.made_from, translation.marked) if number is not None]
    if translation.made_from is None:
        files = [one.at for one in its if one.is_file]
        moment = max(files) if files else min((one.at for one in its), default=translation.at)
        said += [one.number for one in originals if one.at <= moment]
    return max(said, default=1)


def words_of(title: str, text: str) -> str:
    """What a translator has to do with: the title and the text below the front matter."""
    _, body, _ = split_front_matter(BREAK.sub("\n", text.removeprefix("\ufeff")), "")
    return f"{title}\n\n{body.strip()}\n"


@dataclass(frozen=True)
class Section:
    """A part of a text under one heading. `heading` is "" for what stands above the first."""

    heading: str
    text: str


def sections(body: str) -> list[Section]:
    """A text by its headings; a line in a code block is none."""
    found: list[tuple[str, list[str]]] = [("", [])]
    fence = ""
    for line in body.splitlines():
        mark = FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        heading = None if fence else HEADING.fullmatch(line)
        if heading:
            found.append((heading[2].strip(), []))
        else:
            found[-1][1].append(line)
    return [Section(heading, "\n".join(lines).strip()) for heading, lines in found]


@dataclass(frozen=True)
class SectionChange:
    """What became of one section: `heading` is how it is called now, or was where it is gone."""

    heading: str
    kind: Literal["added", "removed", "changed"]


def section_changes(before: str, after: str) -> list[SectionChange]:
    """Which sections of a text are another than before, in their order. A section under a new heading counts as added,
    and the one under the old heading as removed; the order of sections alone does not count."""
    old, new = sections(before), sections(after)
    olds, news = _by_heading(old), _by_heading(new)
    changes = [
        SectionChange(key[0], "added" if key not in olds else "changed")
        for key, text in news.items()
        if olds.get(key) != text
    ]
    return changes + [SectionChange(key[0], "removed") for key in olds if key not in news]


def _by_heading(found: Sequence[Section]) -> dict[tuple[str, int], str]:
    """Sections by heading; of those under the same words, the first with the first."""
    counted: dict[str, int] = {}
    named: dict[tuple[str, int], str] = {}
    for one in found:
        place = counted[one.heading] = counted.get(one.heading, 0) + 1
        if one.heading or one.text:
            named[one.heading, place] = one.text
    return named
