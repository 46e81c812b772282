"""Invitations: a mail that lets one person in, good for two weeks and once; and a code to read out on the phone.

A mailed link signs in exactly the member it was made for. Only the newest of a person is good, and only as long as the
address it went to is theirs. Signing in by any other way counts as having come in, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlmodel import Session, col

from portal.accounts.errors import CannotInvite
from portal.accounts.models import Account, Invitation, Member, Visit
from portal.accounts.rules import is_among
from portal.accounts.sessions import SignIn
from portal.accounts.sign_in import add_code
from portal.kit.i18n import Message
from portal.kit.jobs import enqueue
from portal.kit.secrets import Secrets, hash_token, new_token
from portal.kit.sql import numbers

MAIL_JOB = "invitation_mail"
LASTS = timedelta(days=14)
PHONE_MINUTES = 10

State = Literal["invited", "opened", "joined", "expired", "revoked"]
STATE_WORDS: Mapping[State, tuple[Message, str]] = {
    "invited": (Message("Invited"), ""),
    "opened": (Message("Opened"), "accent"),
    "joined": (Message("Has joined"), "good"),
    "expired": (Message("Expired"), "warn"),
    "revoked": (Message("Taken back"), ""),
}


@dataclass(frozen=True)
class Inviter:
    """Who invites: `key` is their mail address, for the record, `name` what the invited person reads."""

    key: str
    name: str


def state_of(invitation: Invitation, *, now: datetime) -> State:
    """How far an invitation has come."""
    if invitation.joined_at is not None:
        return "joined"
    if invitation.revoked_at is not None:
        return "revoked"
    if invitation.expires_at <= now:
        return "expired"
    return "opened" if invitation.opened_at is not None else "invited"


def invite(
    session: Session, secrets: Secrets, account: Account, member: Member, *, by: Inviter, now: datetime
) -> Invitation:
    """Have an invitation mailed; whatever was sent to this person before is no longer good.

    Raises `CannotInvite` for somebody without an address, who has left, or whose address the customer does not allow.
    """
    _check(account, member, now=now)
    revoke(session, member, now=now)
    token = new_token()
    invitation = _add(session, member, "mail", hash_token(token), by=by, now=now, lasts=LASTS)
    enqueue(session, MAIL_JOB, {"invitation": invitation.id, "sealed": secrets.encrypt(token)}, now=now)
    return invitation


def invite_absent(session: Session, secrets: Secrets, account: Account, *, by: Inviter, now: datetime) -> int:
    """Invite everybody of a customer who can be and was never here, unless an invitation of theirs is still open."""
    invited = 0
    for member in absent(session, account, now=now):
        invite(session, secrets, account, member, by=by, now=now)
        invited += 1
    return invited


def absent(session: Session, account: Account, *, now: datetime) -> Sequence[Member]:
    """Who `invite_absent` would invite, by id."""
    query = select(Member).where(col(Member.account_id) == account.id, *_never_here(now))
    found = session.execute(query.order_by(col(Member.id))).scalars().all()
    return [one for one in found if is_among(one.email or "", account.mail_domains)]


def absent_among(session: Session, account_ids: Sequence[int], *, now: datetime) -> Sequence[tuple[Member, Account]]:
    """Who could be invited of many customers that have not left, each as `absent` finds them, by customer and id."""
    query = (
        select(Member, Account)
        .join(Account, col(Account.id) == col(Member.account_id))
        .where(
            numbers(col(Member.account_id), account_ids),
            or_(col(Account.left_at).is_(None), col(Account.left_at) > now),
            *_never_here(now),
        )
        .order_by(col(Account.name), col(Account.id), col(Member.id))
    )
    rows = session.execute(query).all()
    return [(member, account) for member, account in rows if is_among(member.email or "", account.mail_domains)]


def _never_here(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Member.email_key).is_not(None),
        or_(col(Member.left_at).is_(None), col(Member.left_at) > now),
        ~exists().where(col(Visit.member_id) == col(Member.id)),
        ~exists().where(col(Invitation.member_id) == col(Member.id), _open(now)),
    )


def revoke(session: Session, member: Member, *, now: datetime) -> int:
    """Take back what is still open of a person; how many invitations that were."""
    taken = update(Invitation).where(col(Invitation.member_id) == member.id, _open(now)).values(revoked_at=now)
    return len(session.execute(taken.returning(col(Invitation.id))).all())


def read_out(
    session: Session, secrets: Secrets, account: Account, member: Member, *, by: Inviter, now: datetime
) -> str:
    """A six-digit sign-in code for somebody on the phone, good once and for `PHONE_MINUTES`; on record with `by`.

    It is typed where a mailed code is: on the page after the address. Raises `CannotInvite` like `invite`.
    """
    _check(account, member, now=now)
    _add(session, member, "phone", hash_token(new_token()), by=by, now=now, lasts=timedelta(minutes=PHONE_MINUTES))
    return add_code(session, secrets, address=member.email or "", now=now, minutes=PHONE_MINUTES)


def look_at(session: Session, token: str, *, now: datetime, note: bool) -> State | None:
    """How the link with this token stands; None for one that never was. With `note` it is on record as opened."""
    invitation = _found(session, token)
    if invitation is None:
        return None
    if note and state_of(invitation, now=now) == "invited":
        invitation.opened_at = now
        session.add(invitation)
        session.flush()
    return state_of(invitation, now=now)


def accept(session: Session, token: str, *, now: datetime) -> int | None:
    """The member whom the link lets in, once; None where it is not good, or they may not be here any more."""
    invitation = _found(session, token)
    if invitation is None or state_of(invitation, now=now) not in ("invited", "opened"):
        return None
    taken = (
        update(Invitation).where(col(Invitation.id) == invitation.id, _open(now)).values(joined_at=now, opened_at=now)
    )
    if not session.execute(taken.returning(col(Invitation.id))).all():
        return None
    still_here = (
        select(col(Member.id))
        .join(Account, col(Account.id) == col(Member.account_id))
        .where(
            col(Member.id) == invitation.member_id,
            col(Member.email_key) == invitation.email_key,
            or_(col(Member.left_at).is_(None), col(Member.left_at) > now),
            or_(col(Account.left_at).is_(None), col(Account.left_at) > now),
        )
    )
    return session.execute(still_here).scalar_one_or_none()


def note_joined(session: Session, sign_in: SignIn, now: datetime) -> None:
    """For the composition root to subscribe to `sessions.on_signed_in`: whoever is in needs no invitation."""
    came = update(Invitation).where(col(Invitation.member_id) == sign_in.member_id, _open(now)).values(joined_at=now)
    session.execute(came)


def newest(session: Session, member_ids: Sequence[int]) -> Mapping[int, Invitation]:
    """The last invitation mailed to each of these people; whoever never had one is missing."""
    query = (
        select(Invitation)
        .where(col(Invitation.member_id).in_(member_ids), col(Invitation.how) == "mail")
        .order_by(col(Invitation.created_at), col(Invitation.id))
    )
    return {one.member_id: one for one in session.execute(query).scalars()}


def history(session: Session, member: Member) -> Sequence[Invitation]:
    """Every way in given to a person, newest first."""
    query = select(Invitation).where(col(Invitation.member_id) == member.id)
    return session.execute(query.order_by(col(Invitation.created_at).desc(), col(Invitation.id).desc())).scalars().all()


def invitation_path(token: str) -> str:
    """Where a mailed invitation leads."""
    return f"/invitation/{token}"


def _open(now: datetime) -> ColumnElement[bool]:
    return (
        col(Invitation.joined_at).is_(None) & col(Invitation.revoked_at).is_(None) & (col(Invitation.expires_at) > now)
    )


def _found(session: Session, token: str) -> Invitation | None:
    query = select(Invitation).where(col(Invitation.token_hash) == hash_token(token), col(Invitation.how) == "mail")
    return session.execute(query, execution_options={"populate_existing": True}).scalar_one_or_none()


def _check(account: Account, member: Member, *, now: datetime) -> None:
    if not member.email:
        raise CannotInvite(Message("Without a mail address nobody can be invited. Add one first."))
    if member.left_at is not None and member.left_at <= now:
        raise CannotInvite(Message("This person has left."))
    if account.left_at is not None and account.left_at <= now:
        raise CannotInvite(Message("This customer has left."))
    if not is_among(member.email, account.mail_domains):
        allowed = ", ".join(account.mail_domains)
        raise CannotInvite(Message("Only addresses at %(domains)s are invited here.", domains=allowed))


def _add(
    session: Session,
    member: Member,
    how: Literal["mail", "phone"],
    token_hash: str,
    *,
    by: Inviter,
    now: datetime,
    lasts: timedelta,
) -> Invitation:
    invitation = Invitation(
        member_id=member.id or 0,
        how=how,
        email_key=member.email_key or "",
        token_hash=token_hash,
        by=by.key[:254],
        by_name=by.name[:200],
        created_at=now,
        expires_at=now + lasts,
    )
    session.add(invitation)
    session.flush()
    return invitation
