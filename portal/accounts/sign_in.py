"""Signing in by mail: a link and a six-digit code, good once and for a while, both stored hashed.

Asking for one does the same work and gives the same answer whether or not anyone has the address: a row and a job are
written in both cases, and only the job looks who it is for. Looking at a link does not use it up, so a mail scanner
that follows it does no harm; the button does.
"""

from __future__ import annotations

import re
import secrets as random_secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import orjson
from sqlalchemy import delete, func, or_, select, update
from sqlmodel import Session, col

from portal.accounts.attempts import forget_attempts, take_attempt
from portal.accounts.errors import NobodyThere
from portal.accounts.models import Account, Member, SignInLink, Staff, Visit
from portal.accounts.paths import local_path
from portal.accounts.rules import email_key
from portal.accounts.sessions import forget_visits
from portal.kit.i18n import Locale
from portal.kit.jobs import enqueue
from portal.kit.secrets import Secrets, hash_token, new_token

MAIL_JOB = "sign_in_mail"
WRONG_CODES = 5
LIVE_LINKS = 3
"""A code is compared with the newest links of its address: whoever asked twice may type the code of either mail."""
KEEP_USED = timedelta(days=7)

LinkState = Literal["good", "used", "expired", "unknown"]


@dataclass(frozen=True)
class Person:
    """Whoever signs in with an address: a staff person, or a member of one customer. Staff goes first."""

    staff_id: int | None
    member_id: int | None
    name: str
    email: str
    account_name: str
    locale: str | None


@dataclass(frozen=True)
class Entry:
    """A way in that was just used: by whom, and where they want to go."""

    person: Person
    next_path: str


def ask_for_link(
    session: Session,
    secrets: Secrets,
    *,
    address: str,
    client: str,
    next_path: str,
    locale: Locale,
    now: datetime,
    minutes: int,
) -> None:
    """Have a link and a code mailed to `address`, should anyone who may sign in have it.

    Raises `TooMany` after too many requests for the address or from the client.
    """
    key = email_key(address)
    take_attempt(session, secrets, "ask-client", client, now=now)
    take_attempt(session, secrets, "ask-address", key, now=now)
    token, code = new_token(), _new_code()
    link = _add_link(session, key, token, _code_hash(secrets, token, code), next_path, now=now, minutes=minutes)
    # The only place where token and code exist in the clear is the mail; the job carries them encrypted.
    sealed = secrets.encrypt(orjson.dumps([token, code]).decode())
    enqueue(session, MAIL_JOB, {"link": link.id, "sealed": sealed, "locale": locale}, now=now)


def add_code(session: Session, secrets: Secrets, *, address: str, now: datetime, minutes: int) -> str:
    """A fresh code for somebody known, to be told by another way than mail; what is shown here is stored nowhere."""
    token, code = new_token(), _new_code()
    _add_link(session, email_key(address), token, _code_hash(secrets, token, code), "/", now=now, minutes=minutes)
    return code


def issue_link(session: Session, email: str, *, now: datetime, minutes: int, next_path: str = "/") -> str:
    """The path of a fresh one-time link, for the command line; `NobodyThere` where nobody may sign in with `email`."""
    key = email_key(email)
    if who_is(session, key, now=now) is None:
        raise NobodyThere(email)
    token = new_token()
    _add_link(session, key, token, hash_token(new_token()), next_path, now=now, minutes=minutes)
    return link_path(token)


def link_path(token: str) -> str:
    """Where a link leads."""
    return f"/sign-in/link/{token}"


def look_at_link(session: Session, token: str, *, now: datetime) -> LinkState:
    """Whether the link would work. Changes nothing."""
    query = select(SignInLink).where(col(SignInLink.token_hash) == hash_token(token))
    link = session.execute(query).scalar_one_or_none()
    if link is None:
        return "unknown"
    if link.used_at is not None:
        return "used"
    return "good" if link.expires_at > now else "expired"


def use_link(session: Session, token: str, *, now: datetime) -> Entry | None:
    """Use the link up; None where it is not good, or nobody may sign in with its address any more."""
    query = select(SignInLink).where(col(SignInLink.token_hash) == hash_token(token))
    link = session.execute(query).scalar_one_or_none()
    return _enter(session, link, now=now) if link is not None else None


def use_code(
    session: Session, secrets: Secrets, *, address: str, code: str, client: str, now: datetime
) -> Entry | None:
    """Sign in with a code from a mail to `address`; None where it is wrong, too old or tried too often.

    Raises `TooMany` after too many tries for the address or from the client.
    """
    key = email_key(address)
    take_attempt(session, secrets, "code-client", client, now=now)
    take_attempt(session, secrets, "code-address", key, now=now)
    live = (
        select(SignInLink)
        .where(
            col(SignInLink.email_key) == key,
            col(SignInLink.used_at).is_(None),
            col(SignInLink.expires_at) > now,
            col(SignInLink.attempts) < WRONG_CODES,
        )
        .order_by(col(SignInLink.created_at).desc(), col(SignInLink.id).desc())
        .limit(LIVE_LINKS)
        .with_for_update()
    )
    links = session.execute(live, execution_options={"populate_existing": True}).scalars().all()
    typed = plain_code(code)
    for link in links:
        if secrets.verify("sign-in-code", f"{link.token_hash}:{typed}", link.code_hash):
            return _enter(session, link, now=now)
    for link in links:
        link.attempts += 1
        session.add(link)
    session.flush()
    return None


def plain_code(typed: str) -> str:
    """The digits of a code as people type or paste it: full width, in two groups, with spaces."""
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", typed))[:12]


def who_is(session: Session, key: str, *, now: datetime) -> Person | None:
    """Who signs in with this address: staff first, else the member last used, else the first."""
    staff = session.execute(
        select(Staff).where(col(Staff.email_key) == key, col(Staff.removed_at).is_(None))
    ).scalar_one_or_none()
    if staff is not None:
        return Person(staff.id, None, staff.name, staff.email, "", staff.locale)
    last_seen = select(func.max(col(Visit.last_seen_at))).where(col(Visit.member_id) == col(Member.id))
    last_used = last_seen.correlate(Member).scalar_subquery()
    members = (
        select(Member, col(Account.name))
        .join(Account, col(Account.id) == col(Member.account_id))
        .where(
            col(Member.email_key) == key,
            or_(col(Member.left_at).is_(None), col(Member.left_at) > now),
            or_(col(Account.left_at).is_(None), col(Account.left_at) > now),
        )
        .order_by(last_used.is_(None), last_used.desc(), col(Member.id))
        .limit(1)
    )
    row = session.execute(members).one_or_none()
    if row is None:
        return None
    member, account_name = row
    return Person(None, member.id, member.name, member.email or key, account_name, member.locale)


def forget_old(session: Session, *, now: datetime) -> None:
    """Delete links, attempts and sessions that are of no use any more: for the worker, daily."""
    session.execute(delete(SignInLink).where(col(SignInLink.expires_at) < now - KEEP_USED))
    forget_attempts(session, now=now)
    forget_visits(session, now=now)


def _add_link(
    session: Session, key: str, token: str, code_hash: str, next_path: str, *, now: datetime, minutes: int
) -> SignInLink:
    link = SignInLink(
        email_key=key,
        token_hash=hash_token(token),
        code_hash=code_hash,
        next_path=local_path(next_path),
        created_at=now,
        expires_at=now + timedelta(minutes=minutes),
    )
    session.add(link)
    session.flush()
    return link


def _new_code() -> str:
    return f"{random_secrets.randbelow(1_000_000):06}"


def _code_hash(secrets: Secrets, token: str, code: str) -> str:
    # A million codes are quickly tried, so the hash is keyed: the table alone gives none away.
    return secrets.mac("sign-in-code", f"{hash_token(token)}:{code}")


def _enter(session: Session, link: SignInLink, *, now: datetime) -> Entry | None:
    """One of two who use it at once gets in."""
    using = (
        update(SignInLink)
        .where(col(SignInLink.id) == link.id, col(SignInLink.used_at).is_(None), col(SignInLink.expires_at) > now)
        .values(used_at=now)
        .returning(col(SignInLink.id))
    )
    if session.execute(using).one_or_none() is None:
        return None
    person = who_is(session, link.email_key, now=now)
    return Entry(person, local_path(link.next_path)) if person is not None else None
