"""Whatever order messages arrive in, however they are cut into batches, and however often they are sent again, they
come to the same: found out on random histories.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import make_url
from sqlmodel import Session

from portal.events.ingest import ingest
from portal.events.sources import add_source
from portal.kit.sqlite import sqlite_engine
from tests.portal.events.conftest import NOW, SECRETS, TOKYO, Seen, alias, group, identify, look, read, track

# Each person belongs to one company, as far as messages without a group are concerned: else the order does matter,
# since what is certain today may be doubtful tomorrow.
COMPANY = {"u1": "acme", "u2": "acme", "u3": "beta"}
users = st.sampled_from(sorted(COMPANY))
# Each id that is not a person's own, and whom it means.
PERSON = {"a1": "u1", "a2": "u1", "a3": "u1", "b1": "u3", "b2": "u3"}
COMPANY_OF = {ref: COMPANY[person] for ref, person in PERSON.items()}
# What is said of it: at once whom it means, or by way of one another.
PLAIN = PERSON
CHAINED = {**PERSON, "a2": "a1", "a3": "a2"}
strangers = st.sampled_from(sorted(PERSON))


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    user = draw(users)
    hours = draw(st.integers(0, 72))
    kind = draw(st.sampled_from(["track", "track", "track", "track in group", "group", "identify", "of the company"]))
    made = {
        "track": track(draw(st.sampled_from("ab")), user=user),
        "track in group": track(draw(st.sampled_from("ab")), user=user, group=COMPANY[user]),
        "group": group(COMPANY[user], user=user, plan=draw(st.sampled_from(["starter", "pro"]))),
        "identify": identify(user, name=user.upper()),
        "of the company": track("synced", user=None, group=COMPANY[user]),
    }[kind]
    return {**made, "timestamp": (NOW - timedelta(hours=hours)).isoformat()}


@st.composite
def messages_of_strangers(draw: st.DrawFn, said: Mapping[str, str]) -> dict[str, Any]:
    ref = draw(strangers)
    name = draw(st.sampled_from("ab"))
    kind = draw(st.sampled_from(sorted(_KINDS)))
    hours = draw(st.integers(0, 72))
    return {**_KINDS[kind](ref, name, said[ref]), "timestamp": (NOW - timedelta(hours=hours)).isoformat()}


_KINDS: dict[str, Callable[[str, str, str], dict[str, Any]]] = {
    "alias": lambda ref, _, means: alias(ref, means),
    "identify with both": lambda ref, _, means: {**identify(means), "anonymousId": ref},
    "alias of them all": lambda ref, _, __: alias(ref, PERSON[ref]),
    "track": lambda ref, name, _: anonymous(track(name, user=None), ref),
    "track in group": lambda ref, name, _: anonymous(track(name, user=None, group=COMPANY_OF[ref]), ref),
    "page": lambda ref, _, __: anonymous({"type": "page"}, ref),
    "by user id": lambda ref, name, _: track(name, user=ref),
    "by user id in group": lambda ref, name, _: track(name, user=ref, group=COMPANY_OF[ref]),
    "identify": lambda ref, _, __: anonymous({"type": "identify", "traits": {"name": ref[0]}}, ref),
    "identify in group": lambda ref, _, __: anonymous(
        {"type": "identify", "traits": {"name": ref[0]}, "context": {"groupId": COMPANY_OF[ref]}}, ref
    ),
    "group": lambda ref, _, __: anonymous(group(COMPANY_OF[ref], user=None), ref),
    "group of the person": lambda ref, _, __: group(COMPANY_OF[ref], user=PERSON[ref]),
}


def anonymous(message: dict[str, Any], ref: str) -> dict[str, Any]:
    return {**message, "anonymousId": ref}


def as_histories(one: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(one, min_size=1, max_size=12).map(
        lambda history: [{**message, "messageId": f"m{place}"} for place, message in enumerate(history)]
    )


def outcome_of(batches: Sequence[Sequence[dict[str, Any]]], path: Path) -> Seen:
    """What these batches leave in a fresh database at `path`."""
    engine = sqlite_engine(make_url(f"sqlite:///{path}"), query_only=False, shared=True)
    try:
        with Session(engine) as session:
            source = add_source(session, SECRETS, name="app", now=NOW)
            session.commit()
            for batch in batches:
                incomings = [read(message) for message in batch]
                ingest(session, incomings, source_id=source.id, received_at=NOW, zone=TOKYO)
                session.commit()
            return look(session)
    finally:
        engine.dispose()


def summary(seen: Seen) -> tuple[object, ...]:
    return (
        seen.days,
        sorted(seen.owners, key=str),
        sorted(seen.accounts),
        sorted((key, member.name) for key, member in seen.members.items()),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=as_histories(messages()), data=st.data())
def test_order_and_batches_do_not_matter(
    history: list[dict[str, Any]], data: st.DataObject, migrated_sqlite: Path, tmp_path: Path
) -> None:
    come_to_the_same(history, data, migrated_sqlite, tmp_path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=as_histories(messages_of_strangers(PLAIN)), data=st.data())
def test_nothing_is_lost_because_somebody_was_named_late(
    history: list[dict[str, Any]], data: st.DataObject, migrated_sqlite: Path, tmp_path: Path
) -> None:
    come_to_the_same(history, data, migrated_sqlite, tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=as_histories(messages_of_strangers(CHAINED)), data=st.data())
def test_ids_may_mean_one_another(
    history: list[dict[str, Any]], data: st.DataObject, migrated_sqlite: Path, tmp_path: Path
) -> None:
    """Said in any order, and whoever is listed under an id in between before it is said whom it means."""
    said = [{**alias(ref, CHAINED[ref]), "messageId": f"s{ref}"} for ref in ("a1", "a2", "a3")]
    come_to_the_same([*history, *said], data, migrated_sqlite, tmp_path)


def come_to_the_same(history: list[dict[str, Any]], data: st.DataObject, empty: Path, tmp_path: Path) -> None:
    """In any order, in any batches, and some of it twice."""
    batches = cut(history, data)
    again = data.draw(st.lists(st.sampled_from(history), max_size=4))

    def run(name: str, parts: Sequence[Sequence[dict[str, Any]]]) -> tuple[object, ...]:
        path = tmp_path / name
        shutil.copyfile(empty, path)
        return summary(outcome_of(parts, path))

    assert run("whole.db", [history]) == run("cut.db", [*batches, again])


def cut(history: Sequence[dict[str, Any]], data: st.DataObject) -> list[Sequence[dict[str, Any]]]:
    """In any order and batches."""
    shuffled = data.draw(st.permutations(history))
    places = sorted(data.draw(st.sets(st.integers(0, len(shuffled)), max_size=3)))
    bounds = zip([0, *places], [*places, len(shuffled)], strict=True)
    return [shuffled[start:end] for start, end in bounds if start < end]
