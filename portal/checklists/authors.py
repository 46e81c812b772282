"""Whose act it was that completed a step done once for everybody: for the page, which calls colleagues by their names.

A completion of the account's rests on what happened, not on a person; the one whose event made it enough is looked up
when it is shown, so that somebody erased since is not named any more.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Member
from portal.checklists.definition import Account, Tick
from portal.checklists.evaluation import BY_PROOF
from portal.checklists.state import RunState
from portal.conditions.model import events_of
from portal.events.models import Event


def authors_of(session: Session, state: RunState) -> dict[str, str]:
    """The name of whoever did the last thing that was missing, by step; steps without anybody are left out."""
    asked = {
        one.step.key: (one.done.at, events_of(one.step.done_when))
        for one in state.steps
        if one.done is not None
        and one.done.how in BY_PROOF
        and not one.done.by
        and isinstance(one.step.scope, Account)
        and not isinstance(one.step.done_when, Tick)
    }
    if not asked:
        return {}
    happened = session.execute(
        select(col(Event.name), col(Event.at), col(Member.name), col(Member.email))
        .join(Member, col(Member.id) == col(Event.member_id))
        .where(
            col(Event.account_id) == state.account_id,
            col(Event.name).in_(sorted(frozenset[str]().union(*(names for _, names in asked.values())))),
            col(Event.at).in_(sorted({at for at, _ in asked.values()})),
        )
        .order_by(col(Event.id).desc())
    ).all()
    return {
        step: said
        for step, (at, names) in asked.items()
        for name, when, called, email in happened
        if name in names and when == at and (said := called or email)
    }
