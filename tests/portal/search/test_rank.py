"""The order of answers, and what is done where a word is not there."""

from __future__ import annotations

import pytest

from portal.kit.db import Database
from tests.indexing import index, ranked, ranking, text

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
"""That both databases give one order is shown by the judged set."""


async def test_a_katakana_word_is_not_part_of_another(db: Database) -> None:
    texts = [
        text("block", "ブロックの並べ方", "ブロックを選び、ブロックの順を変えます。"),
        text("lock", "入れないとき", "5回続けて間違えると、15分の間ロックがかかります。" + "ほかの説明です。" * 20),
    ]
    await db.write(lambda session: index(session, texts))
    assert await db.read(lambda session: ranked(session, "ロック")) == ["lock", "block"]


async def test_part_of_a_katakana_compound_is_a_word(db: Database) -> None:
    texts = [text("card", "クレジットカードの登録"), text("discard", "ディスカードする")]
    await db.write(lambda session: index(session, texts))
    assert (await db.read(lambda session: ranked(session, "カード")))[0] == "card"


async def test_the_title_counts_more_than_the_text(db: Database) -> None:
    texts = [text("text", "ほかの話", "招待の話。招待の話。"), text("title", "招待する", "ほかの話です。")]
    await db.write(lambda session: index(session, texts))
    assert await db.read(lambda session: ranked(session, "招待")) == ["title", "text"]


async def test_word_for_word_goes_before_its_pieces(db: Database) -> None:
    texts = [text("pieces", "会社と社会", "会社の会と社。"), text("whole", "社会の会社", "社会人の話。会社。")]
    await db.write(lambda session: index(session, texts))
    assert (await db.read(lambda session: ranked(session, "社会人")))[0] == "whole"


async def test_all_of_the_question_goes_before_some(db: Database) -> None:
    texts = [text("both", "設定", "通知をメールで送ります。"), text("one", "通知と通知と通知", "通知。")]
    await db.write(lambda session: index(session, texts))
    assert (await db.read(lambda session: ranked(session, "通知 メール")))[0] == "both"


async def test_the_readers_language_goes_first(db: Database) -> None:
    texts = [
        text("both", "SSOの設定"),
        text("both", "Set up SSO", locale="en"),
        text("other", "SSO SSO SSO", "SSO", locale="en"),
    ]
    await db.write(lambda session: index(session, texts))
    assert await db.read(lambda session: ranked(session, "SSO")) == ["both", "other"]
    assert await db.read(lambda session: ranked(session, "SSO", locale="en")) == ["other", "both"]


async def test_equal_answers_stand_by_their_key(db: Database) -> None:
    texts = [text(key, "同じ題", "同じ本文") for key in ("c", "a", "b")]
    await db.write(lambda session: index(session, texts))
    assert await db.read(lambda session: ranked(session, "同じ")) == ["a", "b", "c"]


@pytest.mark.parametrize("asked", ["料", "税", "き"])
async def test_a_single_character_finds_what_begins_with_it(db: Database, asked: str) -> None:
    await db.write(lambda session: index(session, [text("one", "料金", "消費税のきまり"), text("two", "別の話")]))
    assert await db.read(lambda session: ranked(session, asked)) == ["one"]


async def test_some_of_it_is_better_than_nothing(db: Database) -> None:
    await db.write(lambda session: index(session, [text("one", "請求の話"), text("two", "別の話")]))
    assert await db.read(lambda session: ranked(session, "請求明細")) == ["one"]
    assert await db.read(lambda session: ranked(session, "まったくない言葉")) == []


@pytest.mark.parametrize(("asked", "in_pieces"), [("請求", False), ("請求の話し方", False), ("請求明細", True)])
async def test_what_has_only_a_piece_is_said_to(db: Database, asked: str, in_pieces: bool) -> None:
    await db.write(lambda session: index(session, [text("one", "請求の話"), text("two", "別の話")]))
    found = await db.read(lambda session: ranking(session, asked))
    assert (found.total, found.in_pieces) == (1, in_pieces)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("pasword", "password"), ("passowrd reset", "password reset"), ("エクスポーロ", "エクスポート")],
)
async def test_a_slip_of_the_finger(db: Database, asked: str, meant: str) -> None:
    texts = [
        text("pw", "Reset your password", "The password can be reset.", locale="en"),
        text("export", "データのエクスポート", "一覧をエクスポートします。"),
        text("noise", "Postage", "Words words words", locale="en"),
    ]
    await db.write(lambda session: index(session, texts))
    found = await db.read(lambda session: ranking(session, asked, locale="en" if asked.isascii() else "ja"))
    assert (found.total, found.meant) == (1, meant)


async def test_a_word_that_is_there_is_never_corrected(db: Database) -> None:
    texts = [text("form", "Form", "A form", locale="en"), text("from", "Farm", "A farm", locale="en")]
    await db.write(lambda session: index(session, texts))
    found = await db.read(lambda session: ranking(session, "form", locale="en"))
    assert (found.total, found.meant) == (1, "")


async def test_what_is_typed_so_far_is_completed(db: Database) -> None:
    await db.write(lambda session: index(session, [text("notify", "Notifications", "Mail", locale="en")]))
    assert await db.read(lambda session: ranked(session, "notif", locale="en")) == ["notify"]


async def test_nothing_hidden_shows_in_total_or_correction(db: Database) -> None:
    texts = [
        text("open", "料金について", "料金の話です。"),
        text("secret", "料金の裏側 Projectphoenix", "料金 projectphoenix ひみつきのう"),
    ]
    await db.write(lambda session: index(session, texts))
    for asked, hidden, total, meant in (
        ("料金", (), 2, ""),
        ("料金", ("secret",), 1, ""),
        ("projectphoenex", (), 1, "Projectphoenix"),
        ("projectphoenex", ("secret",), 0, ""),
        ("projectph", ("secret",), 0, ""),
        ("projectphoenix", ("secret",), 0, ""),
    ):
        found = await db.read(
            lambda session, asked=asked, hidden=hidden: ranking(session, asked, hidden=hidden)  # type: ignore[misc]
        )
        assert (found.total, found.meant) == (total, meant), asked
