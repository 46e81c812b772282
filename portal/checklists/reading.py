"""Reading the fields of a checklist file: each either of the right kind, or named as wrong with its line.

Nothing stops at the first mistake: what is wrong is noted and read as None, and `finish` raises all of it at once.
A field that is there but empty is a mistake, never "the default": an `audience:` left blank must not mean everybody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

from portal.conditions.model import Condition
from portal.conditions.parse import ConditionProblems, Level, parse
from portal.conditions.values import shown, unknown
from portal.kit.clock import Span
from portal.kit.files import FileProblems, Path, Problem, YamlFile
from portal.kit.i18n import LOCALES, Message

KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
SHARE: Final = re.compile(r"(100|[1-9][0-9]?)%")
LONGEST: Final = {"d": 3650, "w": 520, "mo": 120}
YEARS: Final = range(1970, 2200)
MAX_ROLE: Final = 64
MAX_ADDRESS: Final = 500
WHITE: Final = re.compile(r"[\x00-\x20\x7f<>\"\\]")
LibraryKind = Literal["document", "tutorial", "webinar"]
SHELVES: Final[Mapping[str, LibraryKind]] = {
    "manuals": "document",
    "faq": "document",
    "case-studies": "document",
    "releases": "document",
    "tutorials": "tutorial",
    "webinars": "webinar",
}
T = TypeVar("T")


def help_target(text: str) -> tuple[LibraryKind, str]:
    """`"manuals/inviting" -> ("document", "inviting")`; a `ValueError` for what is no such place."""
    shelf, _, key = text.partition("/")
    if shelf not in SHELVES or not KEY.fullmatch(key):
        raise ValueError(f"not a place in the library: {text!r}")
    return SHELVES[shelf], key


class Reading:
    """One reading of one file, and what was found wrong so far."""

    def __init__(self, file: YamlFile) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def wrong(self, path: Path, message: Message) -> None:
        """Note a problem at `path`."""
        self.problems.append(self.file.problem(message, *path))

    def finish(self) -> None:
        """Raise everything noted, in the order of the file."""
        if self.problems:
            raise FileProblems(sorted(self.problems, key=lambda problem: problem.line))

    def fields(
        self, value: object, path: Path, known: Sequence[str], *, needed: Sequence[str] = ()
    ) -> Mapping[object, object] | None:
        """The mapping `value`, any field not `known` or missing though `needed` noted."""
        if not isinstance(value, dict):
            self.wrong(path, Message("this must be fields and values, one “field: value” a line"))
            return None
        for name in value:
            if name not in known:
                self.wrong((*path, shown(name)), unknown(name, known))
        for name in needed:
            if name not in value:
                self.wrong(path, Message("“%(field)s” is missing", field=name))
        return value

    def given(
        self, fields: Mapping[object, object], name: str, path: Path, read: Callable[[object, Path], T | None]
    ) -> T | None:
        """The field `name` of the mapping at `path`, by `read`; None also where it is not given."""
        return read(fields[name], (*path, name)) if name in fields else None

    def key(self, value: object, path: Path) -> str | None:
        """A key that can stand in an address."""
        if isinstance(value, str) and KEY.fullmatch(value):
            return value
        self.wrong(
            path,
            Message("a key is 1 to 64 small letters, digits, “-” and “_”, and begins with a letter or a digit"),
        )
        return None

    def text(self, value: object, path: Path, *, limit: int) -> str | None:
        """A text with something in it."""
        if not isinstance(value, str):
            self.wrong(path, Message("this must be text; put quotes around it if it is a name"))
        elif not value.strip():
            self.wrong(path, Message("this must not be empty"))
        elif len(value.strip()) > limit:
            self.wrong(path, Message("this must be at most %(limit)s characters long", limit=limit))
        else:
            return value.strip()
        return None

    def texts(self, value: object, path: Path, *, limit: int) -> dict[str, str] | None:
        """A text for every language, or one by language: `{ja: …, en: …}`."""
        if not isinstance(value, dict):
            single = self.text(value, path, limit=limit)
            return None if single is None else dict.fromkeys(LOCALES, single)
        self.fields(value, path, LOCALES)
        said = {locale: self.text(value[locale], (*path, locale), limit=limit) for locale in LOCALES if locale in value}
        if not said:
            self.wrong(path, Message("this needs a text in at least one language: {ja: …, en: …}"))
        return {locale: text for locale, text in said.items() if text is not None} or None

    def span(self, value: object, path: Path) -> Span | None:
        """A length of days, weeks or months, up to ten years; `0d` is the day itself."""
        try:
            span = Span.parse(value) if isinstance(value, str) else None
        except ValueError:
            span = None
        if span is None:
            self.wrong(path, Message("this must be a length such as 30d, 2w or 1mo"))
        elif span.count > LONGEST[span.unit]:
            self.wrong(path, Message("this must be at most ten years"))
        else:
            return span
        return None

    def day(self, value: object, path: Path) -> date | None:
        """A calendar day."""
        day = value if isinstance(value, date) and not isinstance(value, datetime) else None
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            try:
                day = date.fromisoformat(value)
            except ValueError:
                day = None
        if day is None or day.year not in YEARS:
            self.wrong(path, Message("this must be a day such as 2026-12-01"))
            return None
        return day

    def flag(self, value: object, path: Path) -> bool | None:
        """`true` or `false`."""
        if isinstance(value, bool):
            return value
        self.wrong(path, Message("this must be true or false"))
        return None

    def choice(self, value: object, path: Path, options: Sequence[str]) -> str | None:
        """One of `options`."""
        if isinstance(value, str) and value in options:
            return value
        if value is None:
            self.wrong(path, Message("this must not be empty"))
            return None
        said = shown(value)
        near = get_close_matches(said, options, n=1)
        if near:
            message = Message("“%(value)s” is not possible here; did you mean “%(near)s”?", value=said, near=near[0])
        else:
            message = Message("“%(value)s” is not possible here; possible: %(all)s", value=said, all=", ".join(options))
        self.wrong(path, message)
        return None

    def count(self, value: object, path: Path, *, limit: int) -> int | None:
        """A whole number from 1 to `limit`."""
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= limit:
            return value
        self.wrong(path, Message("this must be a whole number from 1 to %(limit)s", limit=limit))
        return None

    def percent(self, value: object, path: Path) -> int | None:
        """`"80%"` as 80."""
        found = SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
        if found:
            return int(found[1])
        self.wrong(path, Message("this must be a whole percentage such as 80%%, from 1%% to 100%%"))
        return None

    def place(self, value: object, path: Path) -> str | None:
        """A document, tutorial or webinar: `manuals/inviting`."""
        try:
            help_target(value if isinstance(value, str) else "")
        except ValueError:
            shelves = ", ".join(SHELVES)
            message = Message("help is a place such as manuals/inviting; possible before the “/”: %(all)s", all=shelves)
            self.wrong(path, message)
            return None
        return str(value)

    def address(self, value: object, path: Path) -> str | None:
        """Where in the product a step is done: an address for browsers."""
        said = value.strip() if isinstance(value, str) else ""
        try:
            parts = urlsplit(said)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme in ("http", "https") and parts.hostname and not WHITE.search(said) and len(said) <= MAX_ADDRESS:
            return said
        self.wrong(path, Message("this must be an address such as https://app.example.com/settings"))
        return None

    def condition(self, value: object, path: Path, *, level: Level) -> Condition | None:
        """A condition, asked of the account or of a member."""
        try:
            return parse(value, level=level, path=path)
        except ConditionProblems as error:
            for place, message in error.problems:
                self.wrong(place, message)
            return None
