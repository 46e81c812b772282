"""What identify and group say about people and companies, brought to the accounts room.

All that one batch says of one customer or person is put together in the order in which it was said, and told once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.accounts.errors import AddressTaken
from portal.accounts.fields import ACCOUNT_FIELDS, MEMBER_FIELDS, read_traits
from portal.accounts.models import Account
from portal.accounts.people import member_by_email, upsert_member
from portal.accounts.service import upsert_account
from portal.events.attribute import Directory, Membership
from portal.events.rules import Incoming, instant


@dataclass(frozen=True, slots=True)
class Saying:
    """Traits that some message gave to a person of a customer, who is listed as `member_id`."""

    message_id: str
    at: datetime
    account_id: int
    member_id: int
    user_ref: str
    traits: Mapping[str, Any]


def describe_accounts(session: Session, groups: Iterable[Incoming], *, now: datetime, zone: ZoneInfo) -> dict[str, int]:
    """Tell what `group` messages say about companies; the ids of the customers they are."""
    told: dict[str, dict[str, Any]] = {}
    for one in sorted(groups, key=lambda one: one.at):
        if one.group_ref is not None:
            told.setdefault(one.group_ref, {}).update(one.properties)
    known = {}
    for ref, traits in sorted(told.items()):
        changes = read_traits(_with_moments(traits), ACCOUNT_FIELDS, zone=zone)
        account = upsert_account(session, external_id=ref, changes=changes, now=now)
        assert account.id is not None
        known[ref] = account.id
    return known


def join_by_address(
    session: Session, directory: Directory, batch: Iterable[Incoming], *, now: datetime, zone: ZoneInfo
) -> None:
    """Give whoever staff listed by address alone the id that an `identify` says is theirs.

    Before strangers are listed: else the id would be somebody new, and the address refused to them for ever.
    """
    asked = {
        (directory.accounts[one.group_ref], one.user_ref): one.properties
        for one in batch
        if one.kind == "identify" and one.user_ref is not None and one.group_ref in directory.accounts
    }
    for (account_id, ref), traits in sorted(asked.items(), key=lambda item: item[0]):
        address = read_traits(traits, MEMBER_FIELDS, zone=zone).get("email")
        if not isinstance(address, str) or directory.membership(ref, account_id) is not None:
            continue
        known = member_by_email(session, account_id, address)
        if known is None or known.external_id is not None or known.id is None:
            continue
        upsert_member(
            session, session.get_one(Account, account_id), external_id=ref, changes={"email": address}, now=now
        )
        directory.people.setdefault(ref, []).append(Membership(account_id, known.id, known.left_at))
        directory.linked.add(ref)


def describe_members(
    session: Session, sayings: Iterable[Saying], *, now: datetime, zone: ZoneInfo
) -> tuple[set[str], dict[int, int]]:
    """Tell what `identify` messages say about people; the ids of the messages that had to be refused, and who of them
    turned out to be somebody who was listed by address alone: the member they were, and the one they are.

    Refused is an address that another member of the same customer has: nothing of that person is changed then.
    """
    told: dict[tuple[int, str], list[Saying]] = {}
    for saying in sorted(sayings, key=lambda saying: saying.at):
        told.setdefault((saying.account_id, saying.user_ref), []).append(saying)
    refused: set[str] = set()
    joined: dict[int, int] = {}
    for (account_id, ref), said in sorted(told.items()):
        traits = {key: value for saying in said for key, value in saying.traits.items()}
        changes = read_traits(_with_moments(traits), MEMBER_FIELDS, zone=zone)
        account = session.get_one(Account, account_id)
        try:
            member = upsert_member(session, account, external_id=ref, changes=changes, now=now)
        except AddressTaken:
            refused |= {saying.message_id for saying in said}
        else:
            joined |= {one.member_id: member.id for one in said if member.id is not None and one.member_id != member.id}
    return refused, joined


def _with_moments(traits: Mapping[str, Any]) -> dict[str, object]:
    """JavaScript writes times as numbers too: `created_at: 1700000000`."""
    return {key: _moment(value) if key in _MOMENTS else value for key, value in traits.items()}


_MOMENTS = frozenset({"created_at", "createdAt", "joined_at", "joinedAt", "started_at", "startedAt"})


def _moment(value: object) -> object:
    at = instant(value) if isinstance(value, int | float) else None
    return value if at is None else at.isoformat()
