"""The builder shows every condition there is, and gives exactly that one back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from portal.conditions.builder import Asked, BuilderProblems, Node, read, shown
from portal.conditions.builder_form import edited, fields_of, node_in
from portal.conditions.dump import dump
from portal.conditions.model import Condition, walk
from portal.conditions.parse import parse
from portal.conditions.sentences import sentence
from portal.kit.i18n import LOCALES
from tests.portal.conditions.test_language import conditions


def through_a_browser(node: Node) -> Node:
    """What comes back of a form: inputs lose line breaks at once, text areas turn them into two characters."""
    sent = {
        name: value.replace("\n", "\r\n") if name.endswith(".text") else value.replace("\r", "").replace("\n", "")
        for name, value in fields_of(node, "c").items()
    }
    back = node_in(sent, "c")
    assert back is not None
    return back


@given(conditions)
@settings(max_examples=100, deadline=None)
def test_every_condition_comes_back_from_the_form_as_it_was(condition: Condition) -> None:
    back = read(through_a_browser(shown(condition)), level="member")
    assert back == condition
    assert dump(back) == dump(condition)


@given(conditions)
@settings(max_examples=60, deadline=None)
def test_every_condition_can_be_said(condition: Condition) -> None:
    for locale in LOCALES:
        assert sentence(condition).into(locale)


SAID = [
    ({"event": "login", "distinct": "day", "at_least": 8, "within": "1mo"},
     "usage log login on at least 8 days within one month of the start",
     "開始から1か月以内に、利用ログ「login」が8日以上"),
    ({"event": "report.made", "last": "28d", "where": {"format": "pdf", "pages": {"gte": 10}}},
     "usage log report.made (format is pdf and pages is at least 10) at least once in the last 28 days",
     "直近28日に、利用ログ「report.made」（formatが「pdf」、かつpagesが10以上）が1回以上"),
    ({"tutorial": "first-invoice"},
     "the tutorial first-invoice finished at least once",
     "チュートリアル「first-invoice」の完了が1回以上"),
    ({"webinar": ["a", "b"], "watched": "80%", "distinct": "member", "at_least": 3},
     "the recording a, b watched to 80% by at least 3 people",
     "録画「a, b」の視聴（80%以上）が3人以上"),
    ({"all": [{"plan": ["starter", "pro"]}, {"any": [{"traits": {"seats": {"gt": 5}}}, {"checklist": "start"}]}]},
     "plan is one of starter, pro and (seats is more than 5 or the checklist start completed)",
     "プランが「starter, pro」のいずれか、かつ（seatsが5より大きい、またはチェックリスト「start」の完了）"),
    ({"not": {"tier": {"exists": False}}},
     "not (touch tier is not set)",
     "「対応区分が未設定」ではない"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "english", "japanese"), SAID)
def test_what_a_condition_reads_as(said: dict[str, object], english: str, japanese: str) -> None:
    condition = parse(said, level="account")
    assert (sentence(condition).into("en"), sentence(condition).into("ja")) == (english, japanese)
    assert all(node.kind != "text" for node in [shown(condition), *shown(condition).parts])


TYPED = [
    (Node("event", name="login", at_least="８", counts="day", window="within", span="１", unit="mo"),
     {"event": "login", "at_least": 8, "distinct": "day", "within": "1mo"}),
    (Node("plan", op="in", value="starter、 pro"), {"plan": ["starter", "pro"]}),
    (Node("trait", name="seats", op="gte", value="10"), {"traits": {"seats": {"gte": 10}}}),
    (Node("trait", name="code", value='"10"'), {"traits": {"code": "10"}}),
    (Node("trait", name="name", op="in", value='"a, b", c'), {"traits": {"name": ["a, b", "c"]}}),
    (Node("webinar", value="intro", watched="80"), {"webinar": "intro", "watched": "80%"}),
    (Node("event", name="x", where=(Asked("a", "missing"), Asked())),
     {"event": "x", "where": {"a": {"exists": False}}}),
    (Node("text", text="not: {not: {plan: pro}}"), {"not": {"not": {"plan": "pro"}}}),
]  # fmt: skip


@pytest.mark.parametrize(("node", "said"), TYPED)
def test_what_people_type(node: Node, said: dict[str, object]) -> None:
    assert read(node, level="account") == parse(said, level="account")


WRONG = [
    (Node("event"), {"name"}),
    (Node("event", name="login", at_least="many"), {"at_least"}),
    (Node("event", name="login", window="last"), {"span"}),
    (Node("event", name="login", counts="property"), {"distinct"}),
    (Node("event", name="login", where=(Asked("a", "gt", ""),)), {"where.0.value"}),
    (Node("event", name="login", where=(Asked("", "eq", "x"),)), {"where.0.name"}),
    (Node("event", name="login", where=(Asked("a", "eq", "x"), Asked("a", "eq", "y"))), {"where.1.name"}),
    (Node("plan", op="in"), {"value"}),
    (Node("trait", value="x"), {"name"}),
    (Node("role", value="admin"), {"value"}),
    (Node("webinar", value="a", watched="much"), {"watched"}),
    (Node("text", text="plan: [pro"), {"text"}),
    (Node("text", text="plann: pro"), {"text"}),
    (Node("all", parts=(Node("event", name="x"), Node("any", parts=(Node("plan"),)))), {"1.0.value"}),
    (Node("all"), {"kind"}),
]  # fmt: skip


@pytest.mark.parametrize(("node", "fields"), WRONG)
def test_what_is_wrong_is_said_at_its_field(node: Node, fields: set[str]) -> None:
    with pytest.raises(BuilderProblems) as wrong:
        read(node, level="account")
    assert {place for place, _ in wrong.value.problems} == fields


def test_buttons_build_and_take_apart() -> None:
    one = edited(None, "add")
    two = edited(one, "add")
    assert one == Node("event")
    assert two is not None
    assert (two.kind, len(two.parts)) == ("all", 2)
    grouped = edited(two, "group", [])
    assert grouped is not None
    assert [part.kind for part in grouped.parts] == ["event", "event", "any"]
    asked = edited(grouped, "ask", [2, 1])
    assert asked is not None
    assert asked.parts[2].parts[1].where == (Asked(),)
    assert edited(asked, "unask", [2, 1], 0) == grouped
    assert edited(edited(grouped, "remove", [2]), "remove", [0]) == Node("event")
    assert edited(one, "remove") is None
    assert edited(two, "remove", [7]) == two


def test_what_lies_too_deep_is_shown_as_text() -> None:
    deep = parse({"any": [{"all": [{"any": [{"all": [{"plan": "a"}, {"plan": "b"}]}]}]}]}, level="account")
    assert len(list(walk(deep))) == 6
    innermost = shown(deep).parts[0].parts[0].parts[0]
    assert (innermost.kind, innermost.text) == ("text", "all:\n- plan: a\n- plan: b")
