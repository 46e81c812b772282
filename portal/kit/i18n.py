"""Words in the reader's language.

Sentences are written in English in the code and translated in `portal/locale/<locale>/LC_MESSAGES/messages.po`.
The catalogue is read from the `.po` file at start: no compile step, so what a translator edits is what is shown.

Rules and services never translate: they say a `Message`, and the page, the problem document or the command line
that shows it decides the language.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

Locale = Literal["ja", "en"]
LOCALES: tuple[Locale, ...] = ("ja", "en")
LOCALE_DIR = Path(__file__).parent.parent / "locale"


@dataclass(frozen=True, init=False)
class Message:
    """A sentence not yet in any language: an English msgid with named `%(name)s` places, and what goes into them.

    A parameter may itself be a `Message`; it is translated with the sentence around it.
    """

    msgid: str
    params: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __init__(self, msgid: str, **params: object) -> None:
        object.__setattr__(self, "msgid", msgid)
        object.__setattr__(self, "params", params)

    def __str__(self) -> str:
        return self.into("en")

    def into(self, locale: Locale) -> str:
        """The sentence in `locale`."""
        text = translations(locale).gettext(self.msgid) if self.msgid else ""  # gettext calls its header ""
        if not self.params:
            return text.replace("%%", "%")
        return text % {name: _into(value, locale) for name, value in self.params.items()}


Packed = Sequence[Any]
"""A message as JSON can hold it: its msgid, and what goes into it as text."""


def packed(message: Message) -> Packed:
    """`message` to be kept, and said later in whatever language is asked for then."""
    said = message.params.items()
    return [message.msgid, {name: packed(one) if isinstance(one, Message) else str(one) for name, one in said}]


def unpacked(kept: Packed) -> Message:
    """Undo `packed`."""
    msgid, params = kept
    return Message(msgid, **{name: unpacked(one) if isinstance(one, list) else one for name, one in params.items()})


def _into(value: object, locale: Locale) -> object:
    return value.into(locale) if isinstance(value, Message) else value


@cache
def translations(locale: Locale) -> gettext.NullTranslations:
    """The catalogue of `locale`; English is the source language and needs none."""
    path = LOCALE_DIR / locale / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        catalog = read_po(file, locale=locale)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def as_locale(value: object, default: Locale = "ja") -> Locale:
    """`value` if it names a language Banso speaks (`ja-JP` counts as `ja`), else `default`."""
    primary = str(value or "").replace("_", "-").split("-", maxsplit=1)[0].strip().lower()
    return next((locale for locale in LOCALES if locale == primary), default)


@lru_cache(maxsize=256)
def preferred_locale(accept_language: str, default: Locale = "ja") -> Locale:
    """The first language of an `Accept-Language` header that Banso speaks, by weight, else `default`."""
    weighted: list[tuple[float, int, str]] = []
    for position, part in enumerate(accept_language.split(",")[:20]):
        tag, _, parameter = part.partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter.strip() else 1.0
        except ValueError:
            weight = 0.0
        if weight > 0:
            weighted.append((-weight, position, tag.strip()))
    for _, _, tag in sorted(weighted):
        primary = tag.split("-", maxsplit=1)[0].lower()
        if primary in LOCALES:
            return as_locale(primary)
    return default
