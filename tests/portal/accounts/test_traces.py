"""Taking a person out of texts: all of them, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.accounts.traces import REMOVED, Traces, traces_of

HANA = Traces(("u053-1", "hana@acme.example", "早川 花", "Hana Jo"))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("u053-1", REMOVED),
        (" U053-1 ", REMOVED),
        ("/people/u053-1/edit", f"/people/{REMOVED}/edit"),
        ("u053-12", "u053-12"),
        ("xu053-1", "xu053-1"),
        ("HANA@acme.example", REMOVED),
        ("to: <hana@acme.example>.", f"to: <{REMOVED}>."),
        ("shana@acme.example", "shana@acme.example"),
        ("o.hana@acme.example", "o.hana@acme.example"),
        ("hana@acme.example.com", "hana@acme.example.com"),
        ("早川花さん", f"{REMOVED}さん"),
        ("早川　花", REMOVED),
        ("早川", "早川"),
        ("Hana  Jo said", f"{REMOVED} said"),
        ("Hana Joy", "Hana Joy"),
        ("", ""),
    ],
)
def test_a_text(text: str, left: str) -> None:
    assert HANA.out_of(text) == left


@pytest.mark.parametrize(
    ("identifier", "value", "left"),
    [
        ("5", {"n": 5, "id": "5", "text": "5 lines"}, {"n": 5, "id": REMOVED, "text": "5 lines"}),
        ("1024", {"user": 1024, "n": 10240}, {"user": None, "n": 10240}),
        ("林", ["林", "森林"], [REMOVED, "森林"]),
        ("true", {"flag": True}, {"flag": True}),
        ("a.b*c", "x a.b*c y aXbbc", f"x {REMOVED} y aXbbc"),
        ("u-100", {"u-100": {"deep": [["u-100", None, 1.5]]}}, {REMOVED: {"deep": [[REMOVED, None, 1.5]]}}),
    ],
)
def test_a_value(identifier: str, value: Any, left: Any) -> None:
    assert Traces((identifier,)).scrubbed(value) == left


def test_a_member_without_any_name_has_no_traces() -> None:
    nobody = traces_of({"external_id": None, "email": "", "email_key": None, "name": " ", "name_kana": None})
    assert nobody.identifiers == ()
    assert nobody.scrubbed({"a": ["b", ""]}) == {"a": ["b", ""]}


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(value=json, identifier=st.text(min_size=4, max_size=12).map(str.strip).filter(lambda one: len(one) >= 4))
def test_what_was_taken_out_is_not_found_again(value: Any, identifier: str) -> None:
    traces = Traces((identifier,))
    once = traces.scrubbed({"it": value, "named": f"〈{identifier}〉", "list": [identifier, value]})
    assert traces.scrubbed(once) == once
    assert once["named"] == f"〈{REMOVED}〉"
    assert once["list"][0] == REMOVED
