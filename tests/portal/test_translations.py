"""Every sentence shown to people has its Japanese, with the same places in it, and nothing else is in the catalogue."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from portal.kit.i18n import LOCALE_DIR, Message
from portal.kit.paths import CHECKOUT

PLACE = re.compile(r"%\((\w+)\)")
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "Message": None}
METHODS = [("templates/**", "jinja2"), ("**.py", "python")]
OPTIONS = {"templates/**": {"extensions": "jinja2.ext.i18n", "newstyle_gettext": "true", "trimmed": "true"}}


def extracted() -> Iterator[tuple[str, str, int]]:
    for folder in ("portal", "api"):
        found = extract_from_dir(CHECKOUT / folder, METHODS, OPTIONS, keywords=KEYWORDS)
        for filename, line, messages, _comments, _context in found:
            for message in messages if isinstance(messages, tuple) else (messages,):
                yield message, f"{folder}/{filename}", line


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    path = Path(LOCALE_DIR) / "ja" / "LC_MESSAGES" / "messages.po"
    return read_po(BytesIO(path.read_bytes()), locale="ja")


@pytest.fixture(scope="module")
def translated(catalog: Catalog) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in catalog:
        if not entry.id:
            continue
        ids = (entry.id,) if isinstance(entry.id, str) else tuple(entry.id)
        texts = (entry.string,) if isinstance(entry.string, str) else tuple(entry.string or ())
        for one in ids:
            found[one] = texts[0]
    return found


def test_every_sentence_has_its_japanese(translated: dict[str, str]) -> None:
    missing = [f"{file}:{line}: {text}" for text, file, line in extracted() if not translated.get(text)]
    assert missing == []


def test_nothing_is_kept_that_nobody_says(translated: dict[str, str]) -> None:
    said = {text for text, _, _ in extracted()}
    assert sorted(set(translated) - said) == []


def test_translations_have_the_places_of_their_sentence(translated: dict[str, str]) -> None:
    wrong = [
        text for text, japanese in translated.items() if not set(PLACE.findall(japanese)) <= set(PLACE.findall(text))
    ]
    assert wrong == []


def test_nothing_is_marked_fuzzy(catalog: Catalog) -> None:
    assert [entry.id for entry in catalog if entry.id and entry.fuzzy] == []


def test_a_message_is_said_in_japanese() -> None:
    assert Message("This page is not here").into("ja") != Message("This page is not here").into("en")
