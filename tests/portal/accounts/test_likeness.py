"""Which names are probably one customer's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.accounts.likeness import name_key, reading_key

SAME = [
    ("株式会社アオバ商事", "㈱あおば商事", "(株)ｱｵﾊﾞ商事", "アオバ商事株式会社", "アオバ商事 （株）", "アオバ・商事"),
    ("有限会社みどり", "㈲ミドリ", "みどり(有)", "ﾐﾄﾞﾘ 有限会社"),
    ("合同会社Ｓｏｒａ", "Sora合同会社", "SORA"),
    ("Acme, Inc.", "ACME Inc", "acme", "Acme Incorporated", "Acme Co., Ltd.", "Acme Corp."),
    ("Blue Sky Ltd.", "Blue-Sky Limited", "BlueSky"),
    ("一般社団法人 未来の会", "（一社）未来の会", "未来の会"),
    ("医療法人社団はるか会", "（医）ハルカ会"),
    ("K.K. Nippon", "Nippon K.K.", "株式会社Nippon"),
]
OTHER = [
    ("アオバ商事", "アオバ商店"),
    ("株式会社A", "株式会社B"),
    ("サーバ", "サーバー"),
    ("Inc", "Ltd"),
    ("株式会社", "有限会社"),
    ("Disco", "Dis"),
    ("Linc", "L"),
    ("第一社", "第"),
    ("有明", "明"),
]


@pytest.mark.parametrize("names", SAME)
def test_one_customer(names: tuple[str, ...]) -> None:
    assert len({name_key(name) for name in names}) == 1, [name_key(name) for name in names]


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_two_customers(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@given(st.text("アイウあ青葉商事社ab有", min_size=2, max_size=20))
def test_the_legal_form_does_not_matter_wherever_it_stands(name: str) -> None:
    assert len({name_key(form.format(name)) for form in ("株式会社 {}", "{}㈱", "（株）{}", "{}　株式会社")}) == 1


@pytest.mark.parametrize(
    ("names", "key"),
    [
        (
            (("青葉商事", "アオバショウジ"), ("株式会社青葉商事", "あおばしょうじ"), ("㈱ｱｵﾊﾞ商事", "ｱｵﾊﾞｼｮｳｼﾞ ｶﾌﾞｼｷｶﾞｲｼｬ")),
            "アオバショウジ",
        ),
        (
            (
                ("あおばしょうじ", None),
                ("アオバ ショウジ㈱", ""),
                ("蒼葉商事", "カ）アオバショウジ"),
                ("x", "アオバショウジ(カ"),
            ),
            "アオバショウジ",
        ),
        ((("サーバー屋", "サーバーヤ"), ("さーばーや", None)), "サーバーヤ"),
        ((("青葉商事", None), ("Acme", None), ("青葉", "青葉"), ("アオバA", None), ("", None)), ""),
        ((("株式会社", "カブシキガイシャ"),), "カブシキガイシャ"),
        ((("カ社", "カ"),), "カ"),
    ],
)
def test_how_a_customer_is_read(names: tuple[tuple[str, str | None], ...], key: str) -> None:
    assert {reading_key(*one) for one in names} == {key}
