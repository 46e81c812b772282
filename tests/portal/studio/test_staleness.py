"""Which language is the original, what a translation was made from, and which sections changed since: pure rules."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.i18n import Locale
from portal.studio.staleness import (
    Milestone,
    Newest,
    SectionChange,
    made_from,
    original_of,
    section_changes,
    sections,
    words_of,
)
from tests.factories import NOW


def newest(number: int = 1, *, made_from: int | None = None, marked: int | None = None) -> Newest:
    return Newest(number, number, "題", NOW, made_from, marked)


def day(days: int) -> Milestone:
    return Milestone(days + 1, is_file=True, at=NOW + timedelta(days=days))


@pytest.mark.parametrize(
    ("texts", "house", "original"),
    [
        ({"ja": newest()}, "en", "ja"),
        ({"ja": newest(), "en": newest()}, "ja", "ja"),
        ({"ja": newest(), "en": newest()}, "en", "en"),
        ({"ja": newest(), "en": newest(made_from=1)}, "en", "ja"),
        ({"ja": newest(marked=1), "en": newest()}, "ja", "en"),
        ({"ja": newest(made_from=1), "en": newest(made_from=1)}, "en", "en"),
    ],
)
def test_the_original_is_the_language_that_names_no_other(
    texts: dict[Locale, Newest], house: Locale, original: Locale
) -> None:
    assert original_of(texts, house=house) == original


@pytest.mark.parametrize(
    ("translation", "its", "originals", "number"),
    [
        # What a text names counts, and what somebody said of it since; the later of both.
        (newest(made_from=2), [day(5)], [day(0), day(1), day(4)], 2),
        (newest(made_from=2, marked=5), [day(5)], [day(0), day(4)], 5),
        (newest(made_from=2, marked=1), [day(5)], [day(0), day(4)], 2),
        # Files name nothing: what the other file said when this one was published last.
        (newest(), [day(0)], [day(0), day(3)], 1),
        (newest(), [day(0), day(4)], [day(0), day(3)], 4),
        (newest(marked=6), [day(0)], [day(0), day(5)], 6),
        # The original was written after its translation: it was made from the first there is.
        (newest(), [day(0)], [day(2), day(3)], 1),
        # Written on in the studio after it came from a file: that alone makes no translation current.
        (newest(3), [day(0), Milestone(2, is_file=False, at=NOW + timedelta(days=9))], [day(0), day(5)], 1),
    ],
)
def test_what_a_translation_was_made_from(
    translation: Newest, its: list[Milestone], originals: list[Milestone], number: int
) -> None:
    assert made_from(translation, its, originals) == number


BEFORE = "はじめに\n\n## 準備\n\n用意する。\n\n## 手順\n\n1. 押す。\n\n## 終わり\n\n以上。\n"


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        (BEFORE, []),
        (BEFORE.replace("用意する", "用意します"), [SectionChange("準備", "changed")]),
        (BEFORE.replace("はじめに", "最初に"), [SectionChange("", "changed")]),
        (BEFORE + "\n### 補足\n\n注意。\n", [SectionChange("補足", "added")]),
        (BEFORE.replace("## 終わり\n\n以上。\n", ""), [SectionChange("終わり", "removed")]),
        (BEFORE.replace("## 手順", "## 手順 ##"), []),
        (BEFORE.replace("## 手順", "## 進め方"), [SectionChange("進め方", "added"), SectionChange("手順", "removed")]),
    ],
)
def test_what_changed_is_told_by_section(after: str, changes: list[SectionChange]) -> None:
    assert section_changes(BEFORE, after) == changes


def test_a_heading_within_code_is_none() -> None:
    body = "## 例\n\n````sh\n# 注釈\n```\n# まだ中\n````\n\n## 次\n"
    assert [one.heading for one in sections(body)] == ["", "例", "次"]


def test_sections_of_the_same_name_are_told_apart() -> None:
    before = "## 例\n\nあ\n\n## 例\n\nい\n"
    assert section_changes(before, before.replace("い", "う")) == [SectionChange("例", "changed")]


@given(st.text(alphabet="#`~あa \n"))
def test_no_text_differs_from_itself_and_any_can_be_cut(text: str) -> None:
    assert section_changes(text, text) == []
    assert all(one.text in "\n".join(text.splitlines()) for one in sections(text))


def test_only_title_and_body_are_words() -> None:
    text = "---\r\nid: a\r\nreview_by: 2027-01-01\r\n---\r\n本文\r\n"
    assert words_of("題", text) == "題\n\n本文\n"
