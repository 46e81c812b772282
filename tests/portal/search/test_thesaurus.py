"""Synonyms: recognised by their terms, in either direction or one, within longer words too."""

from __future__ import annotations

from portal.search.question import understand
from portal.search.thesaurus import Rule, parse, shipped, thesaurus

OURS = thesaurus(
    [
        Rule(("解約", "退会", "cancel subscription")),
        Rule(("スマートフォン", "スマホ")),
        Rule(("伝票番号",), ("注文番号", "order id"), both_ways=False),
        Rule(("書き出し",), ("エクスポート",)),
    ]
)


def ways(asked: str) -> list[list[tuple[str, ...]]]:
    return [[way.terms for way in one.ways] for one in OURS.widen(understand(asked))]


def test_each_stands_for_the_others() -> None:
    assert ways("退会") == [[("退会",), ("解約",), ("cancel", "subscript")]]
    assert ways("解約") == [[("解約",), ("退会",), ("cancel", "subscript")]]


def test_a_phrase_of_several_words_is_one() -> None:
    assert ways("Cancelling subscriptions")[0][0] == ("cancel", "subscript")
    assert ("解約",) in ways("cancelling subscriptions")[0]


def test_one_way_is_not_the_other() -> None:
    assert ("注文", "文番", "番号") in ways("伝票番号")[0]
    assert ways("注文番号") == [[("注文", "文番", "番号")]]


def test_spelling_makes_no_difference() -> None:
    assert ways("書出し")[0][1] == ways("書き出し")[0][1] == ("えく", "くす", "すぽ", "ぽと")
    assert ways("えくすぽーと")[0][1] == ("書出",)


def test_within_a_longer_word() -> None:
    assert len(ways("スマホアプリ")[0]) == 2
    assert set(ways("スマホアプリ")[0][1]) > {"すま", "まと", "ふお"}


def test_the_shipped_list_is_sound() -> None:
    rules = shipped()
    assert len(rules) > 150
    for rule in rules:
        for phrase in (*rule.words, *rule.means):
            assert understand(phrase).words, phrase
        assert len(set(rule.words)) == len(rule.words) > 0, rule
        assert rule.means or len(rule.words) > 1, rule


def test_how_the_list_is_written() -> None:
    assert list(parse("# note\na = b = c # why\n\nd > e\n")) == [
        Rule(("a", "b", "c")),
        Rule(("d",), ("e",), both_ways=False),
    ]
