from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portal.checklists.definition import Account, AnyMember, EveryMember, Members, Role, Scope, Share, Step
from portal.checklists.rules import Progress
from portal.checklists.shown import next_for
from portal.checklists.state import Done, RunState, StepState
from portal.checklists.wording import called, due_words, how_done, people, scope_words

NOW = datetime(2026, 6, 3, 1, 0, tzinfo=UTC)
DONE = Done(at=NOW, recorded_at=NOW, by="", by_name="", how="event", evidence={})


def by(how: str = "event", by: str = "", name: str = "", members: tuple[str, ...] = ()) -> Done:
    return Done(at=NOW, recorded_at=NOW, by=by, by_name=name, how=how, evidence={}, members=members)


def step(
    key: str,
    *,
    scope: Scope | None = None,
    staff: bool = False,
    required: bool = True,
    done: bool = False,
    mine: bool = False,
    counts: bool = True,
) -> StepState:
    own = scope or Account()
    return StepState(
        step=Step(key, {"en": key}, by="staff" if staff else "customer", scope=own, required=required),
        position=1,
        done=DONE if done else None,
        due_at=None,
        is_late=False,
        people=None if isinstance(own, Account) else (0, 1),
        mine=DONE if mine else None,
        mine_counts=counts,
        reasons=(),
        can_tick=False,
        can_undo=False,
    )


def run(*steps: StepState, **more: object) -> RunState:
    known: dict[str, object] = {
        "account": "a",
        "account_id": 1,
        "key": "k",
        "version": 1,
        "title": {"en": "K"},
        "started_at": NOW,
        "due_at": None,
        "days_left": None,
        "completed_at": None,
        "status": "in_progress",
        "progress": Progress(0, len(steps)),
        "steps": steps,
        "next_key": next((one.step.key for one in steps if one.done is None), None),
        "last_progress_at": None,
    }
    return RunState(**{**known, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("steps", "proposed"),
    [
        ([step("a"), step("b")], "a"),
        ([step("a", done=True), step("b")], "b"),
        ([step("a", staff=True), step("b")], "b"),
        ([step("a", required=False), step("b")], "b"),
        ([step("a", required=False)], "a"),
        # One's own part is done: the first step in which one can still do something.
        ([step("a", scope=EveryMember(), mine=True), step("b")], "b"),
        ([step("a", scope=Role("admin"), counts=False), step("b")], "b"),
        # Everything of one's own is done: the step the company is waiting for.
        ([step("a", scope=EveryMember(), mine=True), step("b", done=True)], "a"),
        ([step("a", scope=EveryMember(), mine=True), step("b", required=False)], "a"),
        ([step("a", done=True)], None),
    ],
)
def test_the_step_proposed_is_one_the_reader_can_do(steps: list[StepState], proposed: str | None) -> None:
    assert next_for(run(*steps)) == proposed


@pytest.mark.parametrize(
    ("name", "said"),
    [("田中", "田中さん"), ("田中さん", "田中さん"), ("佐藤様", "佐藤様"), ("a@b.example", "a@b.example")],
)
def test_colleagues_are_called_politely(name: str, said: str) -> None:
    assert called(name, "ja") == said
    assert called(name, "en") == name


def test_many_people_are_counted() -> None:
    assert people(["A"], "en") == "A"
    assert people(["A", "B"], "en") == "A and B"
    assert people(["A", "B", "C", "D"], "en") == "A and 3 others"


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (by(), "Ticked by itself · 3 Jun"),
        (by(by="u1", name="Ann"), "Ticked by itself, through what Ann did · 3 Jun"),
        (by(by="u1"), "Ticked by itself, through what u1 did · 3 Jun"),
        (by(members=("Ann", "Bo")), "Ticked by itself, through what Ann and Bo did · 3 Jun"),
        (by("tutorial", name="Ann"), "Ticked by itself: Ann finished the tutorial · 3 Jun"),
        (by("document", name="Ann"), "Ticked by itself: Ann read the article · 3 Jun"),
        (by("webinar", name="Ann"), "Ticked by itself: Ann watched the recording · 3 Jun"),
        (by("webinar"), "Ticked by itself · 3 Jun"),
        (by("member", by="me", name="Ann"), "Done by you · 3 Jun"),
        (by("member", by="u2", name="Bo"), "Done by Bo · 3 Jun"),
        (by("member", by="me", name="Ann", members=("Ann", "Bo")), "Done by Ann and Bo · 3 Jun"),
        (by("staff", by="y@v.example", name="Yamada"), "Done by Yamada (your support contact) · 3 Jun"),
        (by("staff"), "Done · 3 Jun"),
        (by("api", by="crm", name="crm"), "Recorded by a connected system · 3 Jun"),
        (by("webhook", by="app"), "Reported by a connected system · 3 Jun"),
    ],
)
def test_who_did_it_and_how(done: Done, said: str) -> None:
    assert str(how_done(done, me="me", author="", locale="en", day=lambda at: f"{at.day} Jun")) == said


def test_the_author_of_an_event_is_named_where_the_record_names_nobody() -> None:
    said = how_done(by(), me="me", author="Ann", locale="en", day=lambda at: f"{at.day} Jun")
    assert str(said) == "Ticked by itself, through what Ann did · 3 Jun"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"days_left": 12}, "12 days left (until 15)"),
        ({"days_left": 1}, "Until tomorrow (15)"),
        ({"days_left": 0}, "Until today (15)"),
        ({"days_left": -1, "status": "overdue"}, "15 has passed. Going on now is just as good."),
        ({"days_left": None, "status": "paused"}, "Paused: the deadline waits too"),
        ({"days_left": 12, "status": "excluded"}, None),
        ({"due_at": None}, None),
        ({"completed_at": NOW, "status": "completed", "days_left": -3}, "Completed on 3"),
    ],
)
def test_the_day_in_words(more: dict[str, object], said: str | None) -> None:
    state = run(step("a"), **{"due_at": NOW + timedelta(days=12), **more})
    words = due_words(state, day=lambda at: str(at.day))
    assert (None if words is None else str(words)) == said


@pytest.mark.parametrize(
    ("scope", "part"),
    [
        (AnyMember(), "one of you"),
        (EveryMember(), "Everyone"),
        (Members(3), "3 people"),
        (Share(80), "80% of the team"),
        (Role("admin"), "administrator"),
        (Role("経理"), "“経理”"),
    ],
)
def test_who_is_asked(scope: Scope, part: str) -> None:
    assert part in str(scope_words(scope))
    assert scope_words(Account()) is None
