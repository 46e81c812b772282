"""Sentences in the reader's language."""

from __future__ import annotations

import pytest

from portal.kit.i18n import Locale, Message, as_locale, preferred_locale, translations

KNOWN = Message("There is nothing here, or it is not for you.")


def test_a_sentence_that_nobody_has_translated_is_said_in_english() -> None:
    said = Message("%(count)s of %(needed)s llamas", count=2, needed=3)
    assert (said.into("ja"), str(said)) == ("2 of 3 llamas", "2 of 3 llamas")


def test_a_known_one_is_said_in_japanese() -> None:
    japanese = KNOWN.into("ja")
    assert japanese != KNOWN.msgid
    assert any("ぁ" <= letter <= "ん" for letter in japanese)
    assert KNOWN.into("en") == str(KNOWN) == KNOWN.msgid


def test_a_sentence_within_a_sentence_is_translated_with_it() -> None:
    outer = Message("llama: %(what)s", what=KNOWN)
    assert outer.into("ja") == f"llama: {KNOWN.into('ja')}"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Message("100%% llama"), "100% llama"),
        (Message("%(share)s%% llama", share=80), "80% llama"),
        (Message(""), ""),
        (Message("%(what)s", what="%(no)s 100%"), "%(no)s 100%"),
    ],
)
@pytest.mark.parametrize("locale", ["ja", "en"])
def test_percent_signs_and_nothing(message: Message, text: str, locale: Locale) -> None:
    assert message.into(locale) == text


def test_messages_are_values() -> None:
    assert Message("a %(x)s", x=1) == Message("a %(x)s", x=1)
    assert Message("a %(x)s", x=1) != Message("a %(x)s", x=2)
    assert len({Message("a"), Message("a"), Message("b")}) == 2


def test_a_language_without_a_catalogue_is_the_source() -> None:
    assert translations("en").gettext("llama") == "llama"


@pytest.mark.parametrize(
    ("value", "locale"),
    [
        ("ja", "ja"),
        ("ja-JP", "ja"),
        ("JA_jp", "ja"),
        ("en-GB", "en"),
        ("de", "ja"),
        ("", "ja"),
        (None, "ja"),
        (7, "ja"),
    ],
)
def test_names_of_languages(value: object, locale: str) -> None:
    assert as_locale(value) == locale


def test_the_default_is_the_vendors() -> None:
    assert as_locale("de", "en") == "en"
    assert preferred_locale("de", "en") == "en"


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("", "ja"),
        ("en", "en"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("ja;q=0.5, en;q=0.9", "en"),
        ("de, fr;q=0.9, en;q=0.1", "en"),
        ("en;q=0, ja", "ja"),
        ("en;q=0", "ja"),
        ("en;q=abc", "ja"),
        ("*", "ja"),
        (";;;,,,q=,;q=1", "ja"),
        ("en;q=nan", "ja"),
        ("x," * 50 + "en", "ja"),
        ("ja, en", "ja"),
    ],
)
def test_what_a_browser_asks_for(header: str, locale: str) -> None:
    assert preferred_locale(header) == locale
