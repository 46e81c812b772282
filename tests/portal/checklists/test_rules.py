"""When a step and a checklist are done: tables of stories, and what must hold of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.checklists.definition import (
    Account,
    AnyMember,
    AtLeast,
    Definition,
    EveryMember,
    Members,
    Role,
    Scope,
    Share,
    Step,
)
from portal.checklists.rules import (
    Affected,
    MemberRun,
    Progress,
    Reached,
    UnderWay,
    affected,
    carry_over,
    completed_at,
    next_step,
    progress,
    scope_progress,
    scope_reached,
)
from portal.conditions.model import EventCount
from portal.kit.clock import Span


def day(n: int) -> datetime:
    return datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=n)


def member(
    number: int,
    *,
    joined: int = 0,
    left: int | None = None,
    done: int | None = None,
    role: str = "member",
    identified: bool = True,
) -> MemberRun:
    return MemberRun(
        member=number,
        joined_at=day(joined),
        left_at=None if left is None else day(left),
        identified=identified,
        role=role,
        done_at=None if done is None else day(done),
    )


STORIES = [
    pytest.param(AnyMember(), [member(1), member(2, done=4), member(3, done=3)], (3, 3), id="any: the first"),
    pytest.param(AnyMember(), [member(1), member(2)], None, id="any: nobody"),
    pytest.param(AnyMember(), [member(1, done=2, left=3)], (2, 1), id="any: left afterwards"),
    pytest.param(AnyMember(), [member(1, done=2, identified=False)], (2, 1), id="any: a stub counts"),
    pytest.param(Members(2), [member(1, done=5), member(2, done=3), member(3, done=9)], (5, 1, 2), id="members: 2nd"),
    pytest.param(Members(2), [member(1, done=1, left=2), member(2, done=6)], (6, 1, 2), id="members: one has left"),
    pytest.param(Members(3), [member(1, done=1), member(2, done=6)], None, id="members: too few people"),
    pytest.param(Role("admin"), [member(1, done=1), member(2, done=4, role="admin")], (4, 2), id="role"),
    pytest.param(Role("admin"), [member(1, done=1)], None, id="role: nobody has it"),
    pytest.param(EveryMember(), [], None, id="every: nobody there"),
    pytest.param(EveryMember(), [member(1, done=2), member(2, done=5)], (5, 1, 2), id="every: the last"),
    pytest.param(EveryMember(), [member(1, done=2), member(2)], None, id="every: one missing"),
    pytest.param(EveryMember(), [member(1, done=2), member(2, left=7)], (7, 1), id="every: the missing one leaves"),
    pytest.param(
        EveryMember(), [member(1, done=2), member(2, joined=3)], (2, 1), id="every: joined after, takes nothing back"
    ),
    pytest.param(
        EveryMember(), [member(1, done=2), member(2, joined=2)], None, id="every: joined in that very instant"
    ),
    pytest.param(
        EveryMember(), [member(1, done=4), member(2, joined=3, done=6)], (6, 1, 2), id="every: joined before, must too"
    ),
    pytest.param(
        EveryMember(), [member(1, done=2), member(2, identified=False)], (2, 1), id="every: a stub is not waited for"
    ),
    pytest.param(EveryMember(), [member(1, done=2, identified=False)], None, id="every: stubs alone are nobody"),
    pytest.param(
        EveryMember(), [member(1, done=2, left=3), member(2, done=5)], (5, 2), id="every: who left is not among them"
    ),
    pytest.param(EveryMember(), [member(1, done=9, left=3)], None, id="every: done after leaving"),
    pytest.param(EveryMember(), [member(1, done=3, left=3)], None, id="every: left in that very instant"),
    pytest.param(EveryMember(), [member(1, joined=5, done=1)], (5, 1), id="every: done before joining"),
    pytest.param(
        EveryMember(),
        [member(1, joined=5, left=5, done=5), member(2, done=6)],
        (6, 2),
        id="every: was never really there",
    ),
    pytest.param(Share(50), [member(1, done=2), member(2, done=5), member(3)], (5, 1, 2), id="share: 1.5 is two"),
    pytest.param(
        Share(80), [member(n, done=n) for n in (1, 2, 3, 4)] + [member(5)], (4, 1, 2, 3, 4), id="share: 4 of 5"
    ),
    pytest.param(Share(80), [member(n, done=n) for n in (1, 2, 3)] + [member(4)], None, id="share: 3.2 of 4 is four"),
    pytest.param(Share(1), [member(n, left=9) for n in range(3)], None, id="share: nobody left is not zero of zero"),
    pytest.param(Share(50), [member(1, done=1, left=2), member(2, joined=1), member(3, joined=1)], None, id="share"),
    pytest.param(Account(), [member(1, done=1)], None, id="account: members do not do it"),
]


@pytest.mark.parametrize(("scope", "runs", "expected"), STORIES)
def test_when_a_step_is_reached(scope: Scope, runs: list[MemberRun], expected: tuple[int, ...] | None) -> None:
    found = scope_reached(scope, runs)
    assert found == (None if expected is None else Reached(day(expected[0]), expected[1:]))


def test_what_is_done_for_the_account_settles_it_whatever_the_scope() -> None:
    team = [member(1, done=4), member(2, done=6)]
    for scope in (Account(), AnyMember(), EveryMember(), Members(5), Role("admin"), Share(80)):
        assert scope_reached(scope, team, account_done_at=day(3)) == Reached(day(3), ())
    assert scope_reached(AnyMember(), team, account_done_at=day(5)) == Reached(day(4), (1,))
    assert scope_reached(AnyMember(), team, account_done_at=day(4)) == Reached(day(4), (1,))
    assert scope_reached(Account(), team) is None


def test_the_team_of_long_ago_does_not_speak_for_that_of_the_start() -> None:
    team = [member(1, joined=0, done=1), member(2, joined=5)]
    assert scope_reached(EveryMember(), team) == Reached(day(1), (1,))
    assert scope_reached(EveryMember(), team, since=day(10)) is None
    ready = [team[0], replace(team[1], done_at=day(6))]
    assert scope_reached(EveryMember(), ready, since=day(10)) == Reached(day(10), (1, 2))
    assert scope_reached(EveryMember(), [team[0], replace(team[1], left_at=day(7))], since=day(10)) == Reached(
        day(10), (1,)
    )
    assert scope_reached(EveryMember(), [replace(team[0], left_at=day(10))], since=day(10)) is None


@pytest.mark.parametrize(
    ("scope", "runs", "expected"),
    [
        (AnyMember(), [member(1), member(2)], (0, 1)),
        (AnyMember(), [member(1, done=1), member(2, done=1)], (1, 1)),
        (Members(3), [member(1, done=1), member(2, done=1, left=2), member(3, done=99)], (2, 3)),
        (Members(1), [member(1, done=1), member(2, done=1)], (1, 1)),
        (Role("admin"), [member(1, done=1)], (0, 1)),
        (Role("admin"), [member(1, done=1, role="admin")], (1, 1)),
        (EveryMember(), [], (0, 1)),
        (EveryMember(), [member(1, done=1), member(2), member(3, left=5), member(4, joined=20)], (1, 2)),
        (EveryMember(), [member(1, done=1), member(2, identified=False)], (1, 1)),
        (Share(80), [member(1, done=1), member(2, done=2), member(3)], (2, 3)),
        (Share(50), [member(1, done=1), member(2, done=2), member(3)], (2, 2)),
        (Account(), [member(1, done=1)], (0, 1)),
    ],
)
def test_how_many_of_how_many(scope: Scope, runs: list[MemberRun], expected: tuple[int, int]) -> None:
    assert scope_progress(scope, runs, day(10)) == expected


def test_the_accounts_own_step_is_one_of_one_once_done() -> None:
    assert scope_progress(Account(), [], day(10), account_done_at=day(10)) == (1, 1)
    assert scope_progress(Account(), [], day(10), account_done_at=day(11)) == (0, 1)


days = st.integers(0, 12)
member_runs = st.lists(
    st.builds(
        member,
        st.integers(1, 99),
        joined=days,
        left=st.none() | days,
        done=st.none() | days,
        role=st.sampled_from(["admin", "member"]),
        identified=st.booleans(),
    ),
    max_size=7,
    unique_by=lambda run: run.member,
)
scopes = st.sampled_from([AnyMember(), EveryMember(), Members(2), Members(3), Share(34), Share(80), Role("admin")])


@settings(max_examples=200, deadline=None)
@given(scopes, member_runs)
def test_the_order_of_news_does_not_matter(scope: Scope, runs: list[MemberRun]) -> None:
    shuffled = sorted(runs, key=lambda run: (run.member * 37) % 11)
    assert scope_reached(scope, runs) == scope_reached(scope, shuffled) == scope_reached(scope, reversed(runs))


@settings(max_examples=200, deadline=None)
@given(scopes, member_runs.filter(bool), st.data())
def test_doing_more_or_earlier_is_never_reached_later(scope: Scope, runs: list[MemberRun], data: st.DataObject) -> None:
    before = scope_reached(scope, runs)
    index = data.draw(st.integers(0, len(runs) - 1))
    earlier = day(data.draw(days))
    one = runs[index]
    runs[index] = replace(one, done_at=earlier if one.done_at is None else min(one.done_at, earlier))
    after = scope_reached(scope, runs)
    if before is not None:
        assert after is not None
        assert after.at <= before.at


@settings(max_examples=200, deadline=None)
@given(scopes, member_runs)
def test_reached_is_the_first_instant_at_which_the_count_is_full(scope: Scope, runs: list[MemberRun]) -> None:
    """The timeline agrees with looking at every single instant."""
    full = [day(n) for n in range(13) if (found := scope_progress(scope, runs, day(n)))[0] == found[1]]
    reached = scope_reached(scope, runs)
    assert (reached.at if reached else None) == (full[0] if full else None)
    if reached and isinstance(scope, EveryMember | Share):
        active = [run for run in runs if run.joined_at <= reached.at and (not run.left_at or run.left_at > reached.at)]
        assert set(reached.members) <= {run.member for run in active if run.identified}


LOGIN = EventCount("login", at_least=3)
WORDS = {"ja": "題", "en": "Title"}


def step(key: str, **fields: Any) -> Step:
    return replace(Step(key, WORDS), **fields)


def checklist(*steps: Step, **fields: Any) -> Definition:
    return replace(Definition("first", WORDS, steps), **fields)


FOUR = checklist(step("a"), step("b", required=False), step("c", by="staff"), step("d"))


@pytest.mark.parametrize(
    ("definition", "done", "expected"),
    [
        (FOUR, {}, None),
        (FOUR, {"a": 1, "c": 2}, None),
        (FOUR, {"a": 1, "c": 7, "d": 3}, 7),
        (FOUR, {"a": 1, "b": 9, "c": 7, "d": 3}, 7),
        (FOUR, {"a": 1, "c": 7, "gone": 3}, None),
        (checklist(step("a", required=False), step("b", required=False)), {"a": 4}, None),
        (checklist(step("a", required=False), step("b", required=False)), {"a": 4, "b": 5}, 5),
        (replace(FOUR, completed_when=AtLeast(2)), {"b": 5}, None),
        (replace(FOUR, completed_when=AtLeast(2)), {"b": 5, "d": 2, "a": 8}, 5),
        (replace(FOUR, completed_when=AtLeast(2)), {"gone": 1, "d": 2}, None),
    ],
)
def test_when_a_checklist_is_completed(definition: Definition, done: Mapping[str, int], expected: int | None) -> None:
    found = completed_at(definition, {key: day(n) for key, n in done.items()}, day(0))
    assert found == (None if expected is None else day(expected))


def test_a_condition_completes_whatever_the_steps() -> None:
    definition = replace(FOUR, completed_when=LOGIN)
    assert completed_at(definition, {}, day(3)) == day(3)
    assert completed_at(definition, {key: day(1) for key in "abcd"}) is None


@pytest.mark.parametrize(
    ("done", "for_staff", "expected"),
    [
        ("", False, "a"),
        ("a", False, "d"),
        ("ad", False, "b"),
        ("abd", False, None),
        ("", True, "c"),
        ("c", True, None),
    ],
)
def test_what_is_next(done: str, for_staff: bool, expected: str | None) -> None:
    found = next_step(FOUR, set(done), for_staff=for_staff)
    assert (found.key if found else None) == expected


def test_progress_counts_all_steps_that_are_there() -> None:
    assert progress(FOUR, {"a", "b", "gone"}) == Progress(2, 4)


NEW = checklist(step("d"), step("a", done_when=LOGIN), step("e"), due=Span(14, "d"))


def test_what_stays_done_is_what_both_have() -> None:
    done = {"a": day(1), "b": day(2), "e": day(3)}
    assert carry_over(FOUR, NEW, done) == {"a": day(1)}
    assert carry_over(FOUR, FOUR, done) == {"a": day(1), "b": day(2)}


def test_who_is_affected_by_publishing() -> None:
    runs = [UnderWay(1, {"a": day(1), "b": day(2)}), UnderWay(2, {"d": day(1)})]
    assert affected(FOUR, NEW, runs) == [
        Affected(1, Progress(2, 4), Progress(1, 3), False, ("b",), ("e",), (), True),
        Affected(2, Progress(1, 4), Progress(1, 3), False, (), ("e",), ("a",), True),
    ]


def test_a_shorter_checklist_may_complete_somebody() -> None:
    (found,) = affected(FOUR, checklist(step("a")), [UnderWay(1, {"a": day(1)})])
    assert found == Affected(1, Progress(1, 4), Progress(1, 1), True, (), (), (), False)
    by_condition = replace(FOUR, completed_when=LOGIN)
    (late, ready) = affected(FOUR, by_condition, [UnderWay(1, {}), UnderWay(2, {}, condition_at=day(3))])
    assert (late.would_complete, ready.would_complete) == (False, True)


def test_wording_and_order_affect_nobody() -> None:
    reworded = replace(FOUR, title={"ja": "新"}, steps=tuple(replace(s, title={"ja": "新"}) for s in FOUR.steps[::-1]))
    (found,) = affected(FOUR, reworded, [UnderWay(1, {"a": day(1)})])
    assert not found.is_affected
    (found,) = affected(FOUR, replace(FOUR, due=Span(1, "mo")), [UnderWay(1, {})])
    assert found.is_affected
    (found,) = affected(FOUR, replace(FOUR, steps=(step("a", scope=AnyMember()), *FOUR.steps[1:])), [UnderWay(1, {})])
    assert found.changed == ("a",)
    assert found.is_affected
