"""Folding: what is one word to a reader is one to the index, and every place leads back to the original."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.search.fold import fold, key

KATAKANA = "アイウエオカキクケコガギグゲゴサシスセソッャュョンパピプペポヴ"
JAPANESE = st.text(st.sampled_from(KATAKANA + "ーあいうがぎゃっ請求書解約設定、。・ABCabc019 -"), max_size=30)
HALF_WIDTH = {
    full: unicodedata.normalize("NFKD", full).translate({0x3099: "ﾞ", 0x309A: "ﾟ"}) for full in "ガギグゲゴパピプペポ"
}


@pytest.mark.parametrize(
    "same",
    [
        ("ログイン", "ﾛｸﾞｲﾝ", "ろぐいん", "ロク\u3099イン"),
        ("サーバー", "サーバ", "サ－バ－", "ｻｰﾊﾞｰ", "サ―バ―", "サ-バ"),
        ("ウェビナー", "ウエビナー", "うぇびなー"),
        ("クレジットカード", "クレジツトカード"),
        ("ＣＳＶ", "csv", "Csv"),
        ("３ヶ月", "3か月", "3ヵ月"),
        ("つづき", "つずき"),
        ("E-403", "Ｅ－４０３", "e‐403"),
        ("㈱山田", "(株)山田"),
    ],
)
def test_one_word_in_many_spellings(same: tuple[str, ...]) -> None:
    assert len({fold(spelling).text for spelling in same}) == 1


@pytest.mark.parametrize(("one", "other"), [("ロック", "ブロック"), ("かき", "がき"), ("e-403", "e403"), ("は", "ぱ")])
def test_different_words_stay_different(one: str, other: str) -> None:
    assert fold(one).text != fold(other).text


@given(st.text(max_size=60))
def test_folding_what_is_folded_changes_nothing(text: str) -> None:
    once = fold(text).text
    assert fold(once).text == once


@given(JAPANESE)
def test_widths_and_kana_make_no_difference(text: str) -> None:
    wide = text.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}).replace(" ", "\u3000")
    hiragana = "".join(chr(ord(one) - 0x60) if "ァ" <= one <= "ヶ" else one for one in text)
    assert fold(wide).text == fold(text).text
    assert fold(hiragana).text == fold(text).text
    assert fold(unicodedata.normalize("NFD", text)).text == fold(text).text
    assert fold("".join(HALF_WIDTH.get(one, one) for one in text)).text == fold(text).text


@given(st.one_of(st.text(max_size=40), JAPANESE), st.data())
def test_every_place_leads_back_to_the_original(text: str, data: st.DataObject) -> None:
    folded = fold(text)
    assert folded.length == len(text)
    if not folded.text:
        return
    start = data.draw(st.integers(0, len(folded.text) - 1))
    end = data.draw(st.integers(start + 1, len(folded.text)))
    first, last = folded.span(start, end)
    assert 0 <= first < last <= len(text)
    # Whether a dash stands for a long vowel depends on what follows it, and here nothing follows.
    assert folded.text[start:end].rstrip("-") in fold(text[first:last]).text


@given(JAPANESE)
def test_the_way_back_is_in_order_and_leaves_nothing_between(text: str) -> None:
    folded = fold(text)
    spans = [folded.span(place, place + 1) for place in range(len(folded.text))]
    assert all(before[1] == after[0] or before == after for before, after in pairwise(spans))
    if spans:
        assert spans[-1][1] == len(text)


def test_dropped_marks_are_marked_with_their_character() -> None:
    text = "対応ブラウザ－一覧"
    folded = fold(text)
    at = folded.text.index("ぶらうざ")
    assert text[slice(*folded.span(at, at + 4))] == "ブラウザ－"


def test_phrases_are_compared_without_stray_spaces() -> None:
    assert key("  API　キー ") == "api き"
