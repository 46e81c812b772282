"""Excerpts: the piece around the best match, marked in the original spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.search.excerpt import Marks, Part, excerpt, mark, marks
from portal.search.fold import fold
from portal.search.question import understand
from portal.search.thesaurus import shipped, thesaurus

ALL = thesaurus(shipped())


def marked(text: str, asked: str) -> list[str]:
    return [part for part, is_found in mark(text, _marks(asked)) if is_found]


def _marks(asked: str) -> Marks:
    question = understand(asked)
    return marks(question.words, [word for one in ALL.widen(question) for word in one.words])


@pytest.mark.parametrize(
    ("text", "asked", "found"),
    [
        ("ログイン画面を開く", "ﾛｸﾞｲﾝ", ["ログイン"]),
        ("対応ブラウザ－の一覧", "ブラウザ", ["ブラウザ－"]),
        ("予約を取り消す。取消しは不可", "取消", ["取り消", "取消"]),
        ("Invoices and an invoice; invoicing", "invoices", ["Invoices", "invoice", "invoicing"]),
        ("reinvoice", "invoice", []),
        ("メール通知を止める", "通知を止めたい", ["通知", "止め"]),
        ("契約を解約するとき", "退会", ["解約"]),
        ("解約後の手続きについて", "解約手続き", ["解約", "手続"]),
        ("㈱サンプルの請求書", "(株)サンプル", ["㈱サンプル"]),
        ("How to reset", "how to reset", ["reset"]),
        ("<b>請求</b>", "請求", ["請求"]),
    ],
)
def test_what_is_marked(text: str, asked: str, found: list[str]) -> None:
    assert marked(text, asked) == found


def piece(text: str, asked: str, width: int = 30) -> tuple[Part, ...]:
    return excerpt(text, fold(text), _marks(asked), width=width)


def test_the_piece_begins_with_the_sentence_of_the_match() -> None:
    text = "前置きの文です。" * 20 + "請求書は毎月1日に発行されます。" + "後の文です。" * 20
    found = "".join(part for part, _ in piece(text, "請求書"))
    assert found.startswith("請求書は毎月1日に発行されます。")
    assert found.endswith("…")


def test_the_piece_has_most_of_what_was_asked() -> None:
    text = "請求書の話。" + "つなぎ。" * 30 + "領収書と請求書の再発行の話。"
    assert "".join(part for part, _ in piece(text, "請求書 再発行")).startswith("領収書と請求書の再発行")


def test_without_a_match_it_is_the_beginning() -> None:
    assert piece("はじめの文です。" * 30, "ない言葉")[0][0].startswith("はじめの文です。")
    assert piece("", "請求") == ()


@given(st.text(max_size=300), st.text(max_size=20), st.integers(5, 60))
def test_a_piece_is_a_piece_of_the_text(text: str, asked: str, width: int) -> None:
    parts = piece(text, asked, width)
    said = "".join(part for part, _ in parts).removeprefix("…").removesuffix("…")
    assert "".join(said.split()) in "".join(text.split())
    assert "".join(part for part, _ in mark(text, _marks(asked))) == text
