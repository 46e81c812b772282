"""Tickets: one way into the portal for one member, good once and for a minute.

Whoever stands in the product is known there already; a ticket carries that over, so that nobody meets the sign-in
page. It is bound to the member and to where they are going, and the database keeps only its hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.accounts.paths import local_path
from portal.kit.secrets import hash_token, new_token
from portal.widget.models import Ticket

LIFE = timedelta(seconds=60)
KEPT = timedelta(days=7)


@dataclass(frozen=True)
class Bearer:
    """Whom a good ticket lets in, and where they are going."""

    member_id: int
    name: str
    account_name: str
    next_path: str


def mint(session: Session, *, member_id: int, next_path: str, by: str, now: datetime) -> str:
    """A fresh ticket for the member, `tkt_…`, for `/enter?ticket=`. `by` is who asked for it, on record."""
    token = new_token("tkt_")
    session.add(
        Ticket(
            token_hash=hash_token(token),
            member_id=member_id,
            next_path=local_path(next_path),
            minted_by=by[:120],
            created_at=now,
            expires_at=now + LIFE,
        )
    )
    session.flush()
    return token


def entrance(base_url: str, token: str) -> str:
    """The address that a ticket opens."""
    return f"{base_url}/enter?ticket={token}"


def look_at(session: Session, token: str, *, now: datetime) -> Bearer | None:
    """Whom the ticket would let in; None where it is not good (any more). Changes nothing."""
    row = session.execute(
        select(col(Ticket.member_id), col(Ticket.next_path), col(Member.name), col(Member.email), col(Account.name))
        .join(Member, col(Member.id) == col(Ticket.member_id))
        .join(Account, col(Account.id) == col(Member.account_id))
        .where(
            col(Ticket.token_hash) == hash_token(token),
            col(Ticket.used_at).is_(None),
            col(Ticket.expires_at) > now,
            or_(col(Member.left_at).is_(None), col(Member.left_at) > now),
            or_(col(Account.left_at).is_(None), col(Account.left_at) > now),
        )
    ).first()
    if row is None:
        return None
    member_id, next_path, name, email, account_name = row
    return Bearer(member_id, name or email or "", account_name, local_path(next_path))


def use(session: Session, token: str, *, now: datetime) -> Bearer | None:
    """Use the ticket up: of two who show it at once, one gets in."""
    bearer = look_at(session, token, now=now)
    if bearer is None:
        return None
    using = (
        update(Ticket)
        .where(col(Ticket.token_hash) == hash_token(token), col(Ticket.used_at).is_(None))
        .values(used_at=now)
        .returning(col(Ticket.id))
    )
    return bearer if session.execute(using).first() is not None else None


def forget_tickets(session: Session, *, now: datetime) -> None:
    """Delete tickets that ran out long ago: for the worker, nightly."""
    session.execute(delete(Ticket).where(col(Ticket.expires_at) < now - KEPT))
