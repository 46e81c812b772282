"""The lines between `---` at the top of a document: each field read as what it has to be, all problems collected."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from portal.conditions.values import unknown
from portal.kit.clock import day_start
from portal.kit.files import FileProblems, Path, Problem, YamlFile
from portal.kit.i18n import Message

MAX_ORDER = 1_000_000
MAX_ALIASES = 50
FENCE = re.compile(r"---[ \t]*")
FORBIDDEN_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")
DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def split_front_matter(text: str, file: str) -> tuple[str, str, int]:
    """The front matter, the body, and the line on which the body begins. Raises `FileProblems` where there is none."""
    lines = text.split("\n")
    if not FENCE.fullmatch(lines[0]):
        raise FileProblems([Problem(file, 1, Message("a document begins with its fields between two lines “---”"))])
    for number, line in enumerate(lines[1:], start=1):
        if FENCE.fullmatch(line):
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :]), number + 2
    raise FileProblems([Problem(file, 1, Message("the fields are not closed by a second line “---”"))])


def is_key(text: str, most: int, *, underscore: bool = True) -> bool:
    """Whether `text` may stand in an address: letters of any language in lower case, digits, hyphens between."""
    return (
        0 < len(text) <= most
        and text == unicodedata.normalize("NFC", text).lower()
        and text.strip("-") == text
        and all(unicodedata.category(character)[0] in "LNM" or character in "-_" for character in text)
        and (underscore or "_" not in text)
    )


class FrontMatter:
    """The fields of one file. Every method gives what can be used, and notes what is wrong in `problems`."""

    def __init__(self, source: YamlFile, fields: Iterable[str], *, at: Path = ()) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._at = at
        value = source.value
        self._values: Mapping[object, object] = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            self.wrong(Message("the fields are written as “name: value”, one a line"))
        known = tuple(fields)
        for name in self._values:
            if name not in known:
                self.wrong(unknown(name, known), str(name))

    def wrong(self, message: Message, *path: str | int) -> None:
        """Note a problem at `path`."""
        self.problems.append(self._source.problem(message, *self._at, *path))

    def value(self, name: str) -> object:
        """The value of a field as YAML gives it; None where it is absent or empty."""
        return self._values.get(name)

    def text(
        self, name: str, *, most: int, rule: re.Pattern[str] | None = None, said: Message | None = None
    ) -> str | None:
        """A required line of text; `said` tells a person what `rule` allows."""
        value = self.value(name)
        text = value.strip() if isinstance(value, str) else ""
        if value is not None and not isinstance(value, str):
            self.wrong(Message("“%(field)s” is text: put it in quotation marks", field=name), name)
        elif not text:
            self.wrong(Message("“%(field)s” is missing", field=name), name)
        elif len(text) > most:
            self.wrong(Message("“%(field)s” is longer than %(most)s characters", field=name, most=most), name)
        elif any(_is_control(character) for character in text):
            self.wrong(Message("“%(field)s” holds a line break or a control character", field=name), name)
        elif rule and not rule.fullmatch(text):
            self.wrong(Message("“%(field)s” may hold only %(rule)s", field=name, rule=said or rule.pattern), name)
        else:
            return text
        return None

    def key(self, name: str, *, most: int) -> str | None:
        """A required key."""
        text = self.text(name, most=most)
        if text is not None and not is_key(text, most):
            self.wrong(Message("“%(field)s” may hold only %(rule)s", field=name, rule=_KEY_RULE), name)
            return None
        return text

    def keys(self, name: str, *, most: int) -> tuple[str, ...]:
        """A list of keys, or one; none where it is absent."""
        value = self.value(name)
        listed = [] if value is None else [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or len(listed) > MAX_ALIASES:
            self.wrong(Message("“%(field)s” is a list of at most %(most)s names", field=name, most=MAX_ALIASES), name)
            return ()
        found: dict[str, None] = {}
        for index, entry in enumerate(listed):
            if isinstance(entry, str) and is_key(entry, most):
                found[entry] = None
            else:
                self.wrong(Message("“%(field)s” may hold only %(rule)s", field=name, rule=_KEY_RULE), name, index)
        return tuple(found)

    def kind(self, folder_kind: str, folders: Mapping[str, str]) -> str:
        """What kind of document it is: what its folder says, which the field may repeat."""
        value = self.value("kind")
        if value is not None and value not in folders.values():
            kinds = ", ".join(folders.values())
            self.wrong(Message("“%(field)s” is one of: %(known)s", field="kind", known=kinds), "kind")
        elif value is not None and value != folder_kind:
            said = Message("a document in this folder is a %(kind)s, not a %(said)s", kind=folder_kind, said=value)
            self.wrong(said, "kind")
        return folder_kind

    def flag(self, name: str) -> bool:
        """Yes or no; no where it is absent."""
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            self.wrong(Message("“%(field)s” is true or false", field=name), name)
        return value is True

    def whole_number(self, name: str) -> int | None:
        """A whole number, negative too."""
        value = self.value(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_ORDER:
            self.wrong(Message("“%(field)s” is a whole number", field=name), name)
            return None
        return value

    def day(self, name: str) -> date | None:
        """A day."""
        value = self.value(name)
        try:
            found = date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else value
        except ValueError:
            found = value
        if found is None or (isinstance(found, date) and not isinstance(found, datetime)):
            return found
        self.wrong(Message("“%(field)s” is a day that exists, as 2026-12-01", field=name), name)
        return None

    def instant(self, name: str, zone: ZoneInfo) -> datetime | None:
        """An instant in UTC; a day is its beginning in `zone`, and a time without an offset is meant there."""
        value = self.value(name)
        if value is None:
            return None
        try:
            found = datetime.fromisoformat(value) if isinstance(value, str) else value
            if isinstance(found, datetime):
                return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
            if isinstance(found, date):
                return day_start(found, zone)
        except (ValueError, OverflowError):
            pass
        said = Message(
            "“%(field)s” is a day or a time that exists, as 2026-12-01 or 2026-12-01T09:00+09:00", field=name
        )
        self.wrong(said, name)
        return None


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in FORBIDDEN_CATEGORIES or character in DIRECTIONS


_KEY_RULE = Message("small letters, digits, “-” and “_”")
