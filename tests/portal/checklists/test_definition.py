"""The checklist file: what it may say, what is said about mistakes, and the way to the database and back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.checklists.definition import (
    Account,
    AnyMember,
    AtLeast,
    Definition,
    EveryMember,
    Members,
    Reference,
    Required,
    Role,
    Share,
    Step,
    Tick,
    dump,
    in_words,
    load,
    parse_checklist,
    references,
)
from portal.checklists.reading import help_target
from portal.conditions.model import All, Condition, EventCount, Trait
from portal.conditions.parse import parse as parse_condition
from portal.kit.clock import Span
from portal.kit.files import FileProblems, Problem, YamlFile, load_yaml

CONTRACT = """\
# content/checklists/first-30-days.yml
key: first-30-days
title: {ja: はじめの30日, en: Your first 30 days}
audience: {plan: [starter, pro]}
from: 2026-12-01
due: 1mo
completed_when: required
steps:
  - key: kickoff_call
    title: {ja: キックオフを実施する, en: Hold the kickoff}
    by: staff
    due: 7d
    done_when: tick
  - key: invite
    title: {ja: メンバーを3名招待する, en: Invite three members}
    scope: account
    done_when: {event: member.invited, at_least: 3}
    help: manuals/inviting
  - key: login
    title: {ja: 1か月以内に8日ログインする, en: Log in on eight days in a month}
    scope: account
    done_when: {event: login, distinct: day, at_least: 8, within: 1mo}
  - key: learn
    title: {ja: チュートリアルを終える, en: Finish the tutorial}
    scope: {share: 80%}
    required: false
    done_when: {tutorial: first-invoice}
  - key: billing
    title: {ja: 請求先を確認する, en: Confirm billing details}
    scope: {role: admin}
    done_when: tick
    url: https://app.example.com/billing?new=1
"""


def read(text: str) -> Definition:
    return parse_checklist(load_yaml(text, file="first.yml"))


def problems(text: str) -> list[str]:
    with pytest.raises(FileProblems) as caught:
        read(text)
    return [problem.into("en") for problem in caught.value.problems]


def condition(value: object) -> Condition:
    return parse_condition(value, level="account")


def test_the_example_of_the_contract() -> None:
    found = read(CONTRACT)
    kickoff, invite, login, learn, billing = found.steps
    assert replace(found, steps=()) == Definition(
        key="first-30-days",
        title={"ja": "はじめの30日", "en": "Your first 30 days"},
        steps=(),
        audience=Trait("plan", "in", ("starter", "pro")),
        from_day=date(2026, 12, 1),
        due=Span(1, "mo"),
        completed_when=Required(),
    )
    assert kickoff == Step(
        "kickoff_call", {"ja": "キックオフを実施する", "en": "Hold the kickoff"}, by="staff", due=Span(7, "d")
    )
    assert (kickoff.scope, kickoff.done_when, kickoff.required) == (Account(), Tick(), True)
    assert invite.done_when == EventCount("member.invited", at_least=3)
    assert (invite.by, invite.help) == ("customer", "manuals/inviting")
    assert login.done_when == EventCount("login", at_least=8, distinct="day", within=Span(1, "mo"))
    assert (learn.scope, learn.required) == (Share(80), False)
    assert (billing.scope, billing.url) == (Role("admin"), "https://app.example.com/billing?new=1")


def test_what_is_left_out_has_its_default() -> None:
    assert read("key: a\ntitle: Hello\nsteps: [{key: b, title: {en: Do it}}]") == Definition(
        key="a", title={"ja": "Hello", "en": "Hello"}, steps=(Step("b", {"en": "Do it"}),)
    )


HEAD = "key: first\ntitle: First\n"
ONE = f"{HEAD}steps:\n  - key: a\n    title: A\n    "


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("account", Account()),
        ("any_member", AnyMember()),
        ("every_member", EveryMember()),
        ("{members: 3}", Members(3)),
        ("{share: 80%}", Share(80)),
        ("{share: 100%}", Share(100)),
        ("{role: 経理}", Role("経理")),
    ],
)
def test_scopes(scope: str, expected: object) -> None:
    assert read(f"{ONE}scope: {scope}").steps[0].scope == expected


def test_the_three_ways_to_complete() -> None:
    assert read(f"{ONE}due: 0d\ncompleted_when: required").completed_when == Required()
    assert read(f"{ONE}due: 0d\ncompleted_when: {{at_least: 1}}").completed_when == AtLeast(1)
    by_event = read(f"{ONE}due: 0d\ncompleted_when: {{event: login, at_least: 5}}")
    assert by_event.completed_when == EventCount("login", at_least=5)


def test_a_members_step_may_ask_about_the_member() -> None:
    found = read(f"{ONE}scope: any_member\n    done_when: {{event: login, role: admin}}")
    assert isinstance(found.steps[0].done_when, All)
    (problem,) = problems(f"{ONE}done_when: {{event: login, role: admin}}")
    assert problem.startswith("first.yml:6: “role”")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", ["1: this must be fields and values, one “field: value” a line"]),
        ("", ["1: this must be fields and values, one “field: value” a line"]),
        ("title: A", ["1: “key” is missing", "1: “steps” is missing"]),
        (f"{ONE}tittle: B", ["6: unknown key “tittle”; did you mean “title”?"]),
        (f"{HEAD}step: []\nsteps: [{{key: a, title: A}}]", ["3: unknown key “step”; did you mean “steps”?"]),
        (
            "key: First!\ntitle: A\nsteps: [{key: a, title: A}]",
            ["1: a key is 1 to 64 small letters, digits, “-” and “_”, and begins with a letter or a digit"],
        ),
        (
            f"key: {'a' * 65}\ntitle: A\nsteps: [{{key: a, title: A}}]",
            ["1: a key is 1 to 64 small letters, digits, “-” and “_”, and begins with a letter or a digit"],
        ),
        (
            "key: first\ntitle: {de: A}\nsteps: [{key: a, title: A}]",
            [
                "2: unknown key “de”; possible here: ja, en",
                "2: this needs a text in at least one language: {ja: …, en: …}",
            ],
        ),
        ("key: first\ntitle: {ja: ''}\nsteps: [{key: a, title: A}]", ["2: this must not be empty"]),
        ("key: first\ntitle: ' '\nsteps: [{key: a, title: A}]", ["2: this must not be empty"]),
        (
            "key: first\ntitle: 30\nsteps: [{key: a, title: A}]",
            ["2: this must be text; put quotes around it if it is a name"],
        ),
        (
            f"key: first\ntitle: {'a' * 201}\nsteps: [{{key: a, title: A}}]",
            ["2: this must be at most 200 characters long"],
        ),
        (f"{HEAD}steps: []", ["3: “steps” is a list of 1 to 100 steps"]),
        (f"{HEAD}steps: a", ["3: “steps” is a list of 1 to 100 steps"]),
        (
            f"{HEAD}steps: [" + ", ".join(f"{{key: s{n}, title: A}}" for n in range(101)) + "]",
            ["3: “steps” is a list of 1 to 100 steps"],
        ),
        (f"{HEAD}steps: [a]", ["3: this must be fields and values, one “field: value” a line"]),
        (f"{ONE}required: false\n  - title: B\n    key: a", ["8: there are two steps “a”"]),
        (f"{ONE}by: vendor", ["6: “vendor” is not possible here; possible: customer, staff"]),
        (f"{ONE}by: stuff", ["6: “stuff” is not possible here; did you mean “staff”?"]),
        (f"{ONE}scope: any_members", ["6: “any_members” is not possible here; did you mean “any_member”?"]),
        (f"{ONE}scope:", ["6: this must not be empty"]),
        (f"{ONE}scope: {{}}", ["6: a scope is one of {members: 3}, {share: 80%} and {role: admin}"]),
        (
            f"{ONE}scope: {{members: 3, share: 80%}}",
            ["6: a scope is one of {members: 3}, {share: 80%} and {role: admin}"],
        ),
        (f"{ONE}scope: {{member: 3}}", ["6: unknown key “member”; did you mean “members”?"]),
        (f"{ONE}scope: {{members: 0}}", ["6: this must be a whole number from 1 to 10000"]),
        (f"{ONE}scope: {{members: true}}", ["6: this must be a whole number from 1 to 10000"]),
        (f"{ONE}scope: {{share: 0%}}", ["6: this must be a whole percentage such as 80%, from 1% to 100%"]),
        (f"{ONE}scope: {{share: 101%}}", ["6: this must be a whole percentage such as 80%, from 1% to 100%"]),
        (f"{ONE}scope: {{share: 0.8}}", ["6: this must be a whole percentage such as 80%, from 1% to 100%"]),
        (f"{ONE}scope: {{role: ''}}", ["6: this must not be empty"]),
        (f"{ONE}required: 'no'", ["6: this must be true or false"]),
        (f"{ONE}due: 1 week", ["6: this must be a length such as 30d, 2w or 1mo"]),
        (f"{ONE}due: 11mo\n    description: {{}}", ["7: this needs a text in at least one language: {ja: …, en: …}"]),
        (f"{ONE}due: 121mo", ["6: this must be at most ten years"]),
        (f"{ONE}done_when: ticked", ["6: “ticked” is not possible here; did you mean “tick”?"]),
        (
            f"{ONE}by: staff\n    scope: any_member",
            ["7: a step by staff is done once for the account: leave scope out"],
        ),
        (
            f"{ONE}by: staff\n    done_when: {{event: call}}",
            ["7: a step by staff is ticked by them: done_when can only be tick"],
        ),
        (
            f"{ONE}help: manual/inviting",
            [
                "6: help is a place such as manuals/inviting; possible before the “/”: "
                "manuals, faq, case-studies, releases, tutorials, webinars"
            ],
        ),
        *(
            (f"{ONE}url: {url}", ["6: this must be an address such as https://app.example.com/settings"])
            for url in (
                "javascript:alert(1)",
                "/settings",
                "https://",
                "'https://a b'",
                "7",
                f"https://a.example/{'a' * 500}",
            )
        ),
        (f"{ONE}due: 1d\nfrom: '2026-13-01'", ["7: this must be a day such as 2026-12-01"]),
        (f"{ONE}due: 1d\nfrom: 2026-12-01 10:00:00", ["7: this must be a day such as 2026-12-01"]),
        (f"{ONE}due: 1d\nfrom: 9999-12-01", ["7: this must be a day such as 2026-12-01"]),
        (
            f"{ONE}due: 1d\naudience:",
            ["7: a condition is written as “key: value”, for example {event: login}"],
        ),
        (
            f"{ONE}due: 1d\naudience: {{plan: }}",
            ["7: there is no value here; write {exists: false} for what is not set"],
        ),
        (
            f"{ONE}due: 1d\ncompleted_when: {{at_least: 2}}",
            ["7: 2 steps can never be done: the checklist has 1"],
        ),
        (f"{ONE}due: 1d\ncompleted_when: {{at_least: 0}}", ["7: this must be a whole number from 1 to 100"]),
        (f"{ONE}due: 1d\ncompleted_when: all", ["7: “all” is not possible here; possible: required"]),
        (f"{ONE}done_when: {{not: {{checklist: first}}}}", ["6: a checklist cannot wait for itself"]),
        (f"{ONE}due: 1d\naudience: {{checklist: [other, first]}}", ["7: a checklist cannot wait for itself"]),
        (f"{ONE}due: 1d\ncompleted_when: {{checklist: first}}", ["7: a checklist cannot wait for itself"]),
        ("1: 2\n? [a]\n: b", ["2: this is not valid YAML: found unhashable key"]),
    ],
)
def test_mistakes_are_named_with_their_line(text: str, expected: list[str]) -> None:
    assert problems(text) == [f"first.yml:{line}" for line in expected]


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file() -> None:
    text = CONTRACT.replace("due: 1mo", "due: soon").replace("by: staff", "by: stuff").replace("80%", "80")
    text = text.replace("event: login, distinct", "evnt: login, distinct")
    lines = [int(problem.split(":")[1]) for problem in problems(text)]
    assert lines == sorted(lines)
    assert set(lines) == {6, 11, 22, 25}


def test_an_unreadable_scope_does_not_bring_a_second_complaint() -> None:
    (problem,) = problems(f"{ONE}scope: somebody\n    done_when: {{event: login, role: admin}}")
    assert problem.startswith("first.yml:6: “somebody”")


def test_what_a_definition_names() -> None:
    text = f"""{HEAD}audience: {{plan: [pro, starter], checklist: zero}}
completed_when: {{event: paid}}
steps:
  - {{key: a, title: A, help: tutorials/first-invoice}}
  - {{key: b, title: B, done_when: {{webinar: launch, watched: 80%}}, help: faq/why}}
  - {{key: c, title: C, done_when: {{any: [{{document: inviting}}, {{tutorial: t1}}]}}, help: webinars/launch}}
"""
    assert references(read(text)) == [
        Reference("checklist", "zero", ("audience",)),
        Reference("plan", "pro", ("audience",)),
        Reference("plan", "starter", ("audience",)),
        Reference("event", "paid", ("completed_when",)),
        Reference("webinar", "launch", ("steps", 1, "done_when")),
        Reference("document", "inviting", ("steps", 2, "done_when")),
        Reference("tutorial", "t1", ("steps", 2, "done_when")),
        Reference("tutorial", "first-invoice", ("steps", 0, "help")),
        Reference("document", "why", ("steps", 1, "help")),
        Reference("webinar", "launch", ("steps", 2, "help")),
    ]


@pytest.mark.parametrize("text", ["manuals", "manuals/", "/inviting", "manuals/a/b", "manuals/A", "https://x", ""])
def test_not_a_place_in_the_library(text: str) -> None:
    with pytest.raises(ValueError, match="not a place"):
        help_target(text)


def test_a_text_is_said_in_the_language_there_is() -> None:
    assert in_words({"ja": "題", "en": "Title"}, "en") == "Title"
    assert in_words({"ja": "題"}, "en") == "題"


def test_a_stored_version_is_json_in_the_words_of_the_file() -> None:
    found = read(CONTRACT)
    stored = json.loads(json.dumps(dump(found)))
    assert load(stored) == found
    assert stored["steps"][3]["scope"] == {"share": "80%"}
    assert stored["from"] == "2026-12-01"
    assert "description" not in stored["steps"][0]
    assert read(yaml.safe_dump(stored, allow_unicode=True)) == found


ACCOUNT_CONDITIONS = [
    {"plan": "pro"},
    {"any": [{"event": "login", "at_least": 3, "within": "30d"}, {"not": {"tier": {"in": ["a", "b"]}}}]},
    {"event": "order", "where": {"total": {"gte": 10}}, "distinct": "day", "last": "28d"},
    {"webinar": "launch", "watched": "80%"},
    {"checklist": "another"},
]
MEMBER_CONDITIONS = [*ACCOUNT_CONDITIONS, {"role": "admin"}, {"locale": ["ja", "en"]}]
keys = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,10}", fullmatch=True)
said = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20).filter(str.strip)
texts = st.dictionaries(st.sampled_from(["ja", "en"]), said.map(str.strip), min_size=1)
spans = st.builds(Span, st.integers(0, 120), st.sampled_from(["d", "w", "mo"]))
member_scopes = st.one_of(
    st.sampled_from([AnyMember(), EveryMember()]),
    st.builds(Members, st.integers(1, 50)),
    st.builds(Share, st.integers(1, 100)),
    st.builds(Role, said.map(str.strip)),
)
helps = st.sampled_from([None, "manuals/inviting", "tutorials/a", "webinars/w", "case-studies/1_2"])
account_conditions = st.sampled_from(ACCOUNT_CONDITIONS).map(condition)
member_conditions = st.sampled_from(MEMBER_CONDITIONS).map(lambda value: parse_condition(value, level="member"))
common = {
    "key": keys,
    "title": texts,
    "description": st.none() | texts,
    "required": st.booleans(),
    "due": st.none() | spans,
    "help": helps,
}
steps = st.one_of(
    st.builds(Step, by=st.just("staff"), **common),
    st.builds(Step, done_when=st.just(Tick()) | account_conditions, **common),
    st.builds(Step, scope=member_scopes, done_when=st.just(Tick()) | member_conditions, **common),
)


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    lines = draw(st.lists(steps, min_size=1, max_size=6, unique_by=lambda step: step.key))
    enough = st.builds(AtLeast, st.integers(1, len(lines)))
    return Definition(
        key=draw(keys.filter(lambda key: key != "another")),
        title=draw(texts),
        steps=tuple(lines),
        audience=draw(st.none() | account_conditions),
        from_day=draw(st.none() | st.dates(date(1970, 1, 1), date(2199, 12, 31))),
        due=draw(st.none() | spans),
        completed_when=draw(st.just(Required()) | enough | account_conditions),
    )


@settings(max_examples=80, deadline=None)
@given(definitions())
def test_there_and_back(definition: Definition) -> None:
    stored = dump(definition)
    assert load(json.loads(json.dumps(stored))) == definition
    assert read(yaml.safe_dump(stored, allow_unicode=True)) == definition


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | st.datetimes()
WORDS = """key title steps audience from due completed_when by scope required done_when help tick account any_member
members share role staff event at_least within last where distinct plan not all any checklist first 80% 30d ja en"""
words = st.sampled_from(WORDS.split())
anything = st.recursive(
    scalars | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | scalars, inner, max_size=5),
    max_leaves=25,
)
nearly = st.fixed_dictionaries(
    {"key": st.just("first") | anything, "title": st.just("First") | anything},
    optional={
        "steps": st.lists(
            st.fixed_dictionaries(
                {"key": keys, "title": st.just("A") | anything},
                optional=dict.fromkeys(
                    ("by", "scope", "required", "due", "done_when", "help", "description"), anything
                ),
            )
            | anything,
            max_size=4,
        ),
        **dict.fromkeys(("audience", "from", "due", "completed_when", "extra"), anything),
    },
)


@settings(max_examples=300, deadline=None)
@given(anything | nearly)
def test_whatever_is_written_is_read_or_named(value: object) -> None:
    problems: tuple[Problem, ...] = ()
    found = None
    try:
        found = parse_checklist(YamlFile("any.yml", value, {}))
    except FileProblems as error:
        problems = error.problems
    if found is None:
        assert [problem.into("en") for problem in problems]
    else:
        assert load(dump(found)) == found


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | anything.map(lambda value: yaml.safe_dump(value, allow_unicode=True)))
def test_whatever_is_in_the_file_is_read_or_named(text: str) -> None:
    with pytest.raises(FileProblems):
        read(text + "\nnever: valid")
