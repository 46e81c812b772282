"""Who reads: what the wall must know of whoever is at the door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from portal.accounts.viewers import AnyViewer, MemberViewer


@dataclass(frozen=True)
class Reader:
    """Who is asking. Only a member has an account and an id."""

    kind: Literal["anonymous", "member", "staff"]
    account_id: int = 0
    member_id: int = 0


ANONYMOUS = Reader("anonymous")
STAFF = Reader("staff")


def reader_of(viewer: AnyViewer | None) -> Reader:
    """The reader behind a signed-in browser, or behind none."""
    if viewer is None:
        return ANONYMOUS
    if isinstance(viewer, MemberViewer):
        return Reader("member", viewer.account_id, viewer.member_id)
    return STAFF
