"""What a question is about, and what is glue in it."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.search import readings
from portal.search.question import normal, understand
from portal.search.words import stem


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("解約", ["解約"]),
        ("請求書を再発行したい", ["請求書", "再発行"]),
        ("クレジットカードを変更するには", ["くれじつとかど", "変更"]),
        ("メールの通知を止めたい", ["める", "通知", "止"]),
        ("ログインできません", ["ろぐいん"]),
        ("ぱすわーどをわすれた", ["ぱすわど", "わすれた"]),
        ("かいやくする", ["かいやく"]),
        ("請求書のおくりさき", ["請求書", "おくりさき"]),
        ("how do I reset my password", ["reset", "password"]),
        ("E-403", ["e-403"]),
        ("APIキー", ["api", "き"]),
    ],
)
def test_the_words_that_carry_it(asked: str, words: list[str]) -> None:
    assert [word.text for word in understand(asked).words if word.weight == 1] == words


@pytest.mark.parametrize(
    ("asked", "terms"),
    [
        ("取消し", ("取消",)),
        ("取り消し", ("取消",)),
        ("引き落とし", ("引落",)),
        ("問い合わせ", ("問合",)),
        ("請求書", ("請求", "求書")),
        ("止める", ("止~",)),
        ("止まる", ("止~",)),
        ("料", ("料",)),
        ("invoices", ("invoic",)),
        ("UTF-8", ("utf", "8", "utf8")),
    ],
)
def test_what_a_text_must_have(asked: str, terms: tuple[str, ...]) -> None:
    assert [word.terms for word in understand(asked).words] == [terms]


def test_of_glue_alone_the_glue_is_asked_for() -> None:
    assert [word.text for word in understand("したい").words] == ["したい"]
    assert [word.weight for word in understand("how to").words] == [1, 1]


@pytest.mark.parametrize("asked", ["", "   ", "!?…", "。", "\u200b"])
def test_nothing_is_asked(asked: str) -> None:
    assert understand(asked).words == ()


def test_a_question_is_read_only_so_far() -> None:
    assert len(understand("あい請求" * 500).asked) <= 200
    assert len(understand(" ".join(f"word{number}" for number in range(60))).words) == 12


def test_one_way_to_write_it() -> None:
    assert normal("  ＣＳＶ　ｻｰﾊﾞ－ ") == "csv サーバー"


def test_several_threads_stem_at_once() -> None:
    words = [f"{beginning}{ending}" for beginning in ("invoic", "sett", "expir") for ending in ("es", "ings", "ation")]
    alone = [stem.__wrapped__(word) for word in words]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(stem.__wrapped__, words * 60)) == alone * 60
    finally:
        sys.setswitchinterval(interval)


def test_several_threads_read_aloud_at_once() -> None:
    titles = [f"請求書の取り込み設定を確認する方法 {number}" * 20 for number in range(6)]
    alone = [readings.reading.__wrapped__(title) for title in titles]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(readings.reading.__wrapped__, titles * 10)) == alone * 10
    assert alone[0].startswith("せいきゆうしよ")
