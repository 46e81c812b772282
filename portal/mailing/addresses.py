"""Addresses that get no more mails: unsubscribed by their owner, or refused for good by a mail server.

Sign-in mails and invitations are asked for, one by one, and go all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from portal.accounts.inserts import insert_missing
from portal.accounts.models import Account, Member
from portal.accounts.rules import email_key, is_email
from portal.kit.db import chunks
from portal.kit.errors import FieldProblem, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.secrets import Secrets
from portal.mailing.models import Letter, StoppedAddress

PURPOSE = "unsubscribe"
MAC = 24
WHY = ("unsubscribed", "bounced")


def stop(session: Session, address: str, why: str, *, now: datetime, detail: str = "", by: str = "") -> bool:
    """Send nothing to `address` any more, `unsubscribed` or `bounced`; whether that is new."""
    row = {"email_key": email_key(address), "why": why, "at": now, "detail": detail[:500], "by": by, "cleared_by": ""}
    return bool(insert_missing(session, StoppedAddress, [row], returning=["id"]))


def stop_by_hand(session: Session, address: str, *, now: datetime, by: str, detail: str = "") -> None:
    """Staff say that nobody is reached at `address`. Raises `Invalid` for what is no address."""
    if not is_email(address):
        message = Message("“%(value)s” is not a mail address", value=address[:60])
        raise Invalid(message, problems=[FieldProblem("address", "not_an_address", message)])
    stop(session, address, "bounced", now=now, detail=detail, by=by)


def clear(session: Session, stopped_id: int, *, by: str, now: datetime) -> StoppedAddress:
    """Send to the address again: it works now, or its owner asked for it."""
    row = session.get(StoppedAddress, stopped_id)
    if row is None:
        raise NotFound
    if row.cleared_at is None:
        row.cleared_at, row.cleared_by = now, by
        session.add(row)
        session.flush()
    return row


def resume(session: Session, address: str, *, now: datetime) -> None:
    """The owner of `address` wants mails again. What bounced stays marked."""
    standing = (col(StoppedAddress.email_key) == email_key(address), col(StoppedAddress.cleared_at).is_(None))
    again = update(StoppedAddress).where(*standing, col(StoppedAddress.why) == "unsubscribed")
    session.connection().execute(again.values(cleared_at=now, cleared_by=""))


def stopped_among(session: Session, keys: Iterable[str]) -> Mapping[str, str]:
    """Which of these addresses get nothing, and why; who did not want any counts before who was not reached."""
    found: dict[str, str] = {}
    asked = select(col(StoppedAddress.email_key), col(StoppedAddress.why)).where(
        col(StoppedAddress.cleared_at).is_(None)
    )
    for some in chunks(sorted({key for key in keys if key})):
        for key, why in session.connection().execute(asked.where(col(StoppedAddress.email_key).in_(some))):
            found[key] = why if key not in found else "unsubscribed"
    return found


def list_stopped(
    session: Session, *, why: str | None = None, page: int = 1, limit: int = 50
) -> tuple[Sequence[tuple[StoppedAddress, Sequence[tuple[str, str]]]], int]:
    """A page of those that stand, newest first, each with its customers (external id, name); and how many there are."""
    standing = [col(StoppedAddress.cleared_at).is_(None), *([col(StoppedAddress.why) == why] if why else [])]
    total = session.execute(select(func.count()).select_from(StoppedAddress).where(*standing)).scalar_one()
    asked = (
        select(StoppedAddress).where(*standing).order_by(col(StoppedAddress.at).desc(), col(StoppedAddress.id).desc())
    )
    rows = session.execute(asked.offset((page - 1) * limit).limit(limit)).scalars().all()
    owners = (
        select(col(Member.email_key), col(Account.external_id), col(Account.name))
        .join(Account, col(Account.id) == col(Member.account_id))
        .where(col(Member.email_key).in_([row.email_key for row in rows]))
        .order_by(col(Account.name))
    )
    found: dict[str | None, list[tuple[str, str]]] = {}
    for key, external_id, name in session.connection().execute(owners):
        found.setdefault(key, []).append((external_id, name))
    return [(row, found.get(row.email_key, [])) for row in rows], total


# --- the link below each mail -----------------------------------------------------------------------------------------


def unsubscribe_token(secrets: Secrets, letter_id: int, address: str) -> str:
    """What stands in the link: the letter, and a proof that we wrote it to that very address, which does not show."""
    return f"{letter_id}-{secrets.mac(PURPOSE, _proven(letter_id, email_key(address)))[:MAC]}"


def letter_of(session: Session, secrets: Secrets, token: str) -> Letter | None:
    """The letter whose link this is; None for what we never wrote, or whose person was erased.

    A number may come to mean another letter, where those of a customer were erased: the link then proves nothing.
    """
    number, _, given = token.partition("-")
    if not (number.isascii() and number.isdecimal() and len(number) <= 18 and len(given) == MAC):
        return None
    letter = session.get(Letter, int(number))
    if letter is None or not letter.to_key:
        return None
    told = _proven(int(number), letter.to_key)
    return letter if any(secrets.verify(PURPOSE, told, whole) for whole in _completed(secrets, told, given)) else None


def _proven(letter_id: int, key: str) -> str:
    return f"{letter_id} {key}"


def _completed(secrets: Secrets, told: str, given: str) -> list[str]:
    """`given` as a whole proof, with the rest as either key would write it, so that comparing takes constant time."""
    return [given + whole[MAC:] for whole in secrets.macs(PURPOSE, told)]
