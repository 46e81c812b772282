"""Differences between texts: nothing is left out, and Japanese is compared by character."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from portal.studio.differences import CONTEXT, MAX_LINES, Fold, Line, compare

LINES = st.lists(st.text("ab 解約請求。", max_size=8), max_size=12).map("\n".join)


def shown(before: str, after: str) -> list[str]:
    said = []
    for row in compare(before, after).rows:
        if isinstance(row, Fold):
            said.append(f"… {row.count}")
            continue
        sides = [row.before, row.after]
        said.append(row.kind + ": " + " → ".join(_marked(side.parts) for side in sides if side is not None))
    return said


def _marked(parts: tuple[tuple[bool, str], ...]) -> str:
    return "".join(f"[{text}]" if differs else text for differs, text in parts)


def test_a_changed_japanese_sentence_is_compared_by_character() -> None:
    assert shown("請求書は毎月1日に届きます。", "請求書は毎月5日にメールで届きます。") == [
        "changed: 請求書は毎月[1]日に届きます。 → 請求書は毎月[5]日に[メールで]届きます。"
    ]


def test_english_is_compared_by_word() -> None:
    assert shown("You can cancel any time.", "You may cancel at any time.") == [
        "changed: You [can] cancel any time. → You [may] cancel[ at] any time."
    ]


def test_lines_that_have_nothing_in_common_are_not_one_change() -> None:
    assert shown("請求書", "Hello") == ["removed: [請求書]", "added: [Hello]"]


def test_what_is_far_from_a_change_is_folded() -> None:
    before = [f"行 {number}" for number in range(30)]
    after = [*before[:15], "新しい行", *before[15:]]
    said = shown("\n".join(before), "\n".join(after))
    assert said[0] == f"… {15 - CONTEXT}"
    assert said.count("added: [新しい行]") == 1
    assert len(said) == 2 * CONTEXT + 3


@given(LINES, LINES)
def test_both_texts_can_be_read_from_the_comparison(before: str, after: str) -> None:
    found = compare(before, after)
    lines = [row for row in found.rows if isinstance(row, Line)]
    old, new = before.splitlines(), after.splitlines()
    for side, text in (("before", old), ("after", new)):
        sides = [getattr(line, side) for line in lines if getattr(line, side) is not None]
        assert [one.number for one in sides] == sorted(one.number for one in sides)
        assert all("".join(part for _, part in one.parts) == text[one.number - 1] for one in sides)
        folded = sum(row.count for row in found.rows if isinstance(row, Fold))
        assert len(sides) + folded == len(text)
    assert found.is_none == (old == new)


def test_a_text_of_a_megabyte_is_compared_in_no_time() -> None:
    before = "\n".join(f"{number} 解約の手続きについて" * 4 for number in range(MAX_LINES * 4))
    after = before.replace("解約", "請求")
    assert len(before.encode()) > 1_000_000
    begun = time.monotonic()
    assert compare(before, after).added == MAX_LINES * 4
    assert time.monotonic() - begun < 20
