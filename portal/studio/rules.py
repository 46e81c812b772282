"""Who may do what with a manuscript, and where that leads. Pure: the state, the act and the person are arguments.

Whoever writes has somebody else look: an editor or a CS person cannot approve what they wrote. The owner runs the
installation and may approve anything, so that a vendor of one person can publish at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from portal.accounts.roles import rights_of

State = Literal["draft", "review", "approved", "scheduled", "published", "archived"]

STATES: Final = ("draft", "review", "approved", "scheduled", "published", "archived")
ACTS: Final = (
    *("submit", "withdraw", "approve", "give_back", "schedule", "publish", "unpublish", "reopen"),
    *("put_away", "fork", "unfork", "restore"),
)

FROM: Final[Mapping[str, Collection[str]]] = {
    "submit": ("draft",),
    "withdraw": ("review", "approved", "scheduled"),
    "approve": ("review",),
    "give_back": ("review", "approved", "scheduled"),
    "publish": ("approved",),
    "unpublish": ("published",),
    "put_away": ("draft",),
    "reopen": ("archived",),
}
"""Which act can be done from which states."""
TO: Final[Mapping[str, State]] = {
    "submit": "review",
    "withdraw": "draft",
    "approve": "approved",
    "give_back": "draft",
    "unpublish": "archived",
    "put_away": "archived",
    "reopen": "draft",
}


@dataclass(frozen=True)
class Person:
    """A person of the vendor, as far as it matters here; 0 is the id of a command."""

    id: int
    name: str
    role: str

    @property
    def may_write(self) -> bool:
        """Whether they may change anything in the studio."""
        return "write_content" in rights_of(self.role)

    def may_approve(self, written_by: int | None) -> bool:
        """Whether they may judge a text of `written_by`."""
        return self.role == "owner" or (self.may_write and self.id != written_by)


def acts(state: str, *, person: Person, written_by: int | None, is_out: bool = False) -> tuple[str, ...]:
    """What `person` may do with a manuscript in `state`, in the order in which one would look for it; `is_out` is
    whether readers have a text of it.

    The owner may publish a draft at once: approving it is part of that. What is out can be taken down however far the
    next text is; only what is not out can be put away.
    """
    if not person.may_write:
        return ()
    judges = person.may_approve(written_by)
    found = [act for act, states in FROM.items() if state in states and (judges or act not in ("approve", "give_back"))]
    if judges and state in ("review", "approved"):
        # Who may judge gives back with a word of why; taking back is for those who wait.
        found = [act for act in found if act != "withdraw"]
    if person.role == "owner" and state in ("draft", "review"):
        found.insert(0, "publish")
    if is_out:
        found = [act for act in found if act not in ("put_away", "unpublish")] + ["unpublish"]
    return tuple(found)


def offered(state: str, *, person: Person, written_by: int | None, is_out: bool = False) -> tuple[str, ...]:
    """What the editor offers. Every button of it saves first, so for a text that is out it is also what may be done
    with the draft that saving makes of it."""
    now = acts(state, person=person, written_by=written_by, is_out=is_out)
    if state != "published":
        return now
    drafted = acts("draft", person=person, written_by=person.id, is_out=True)
    return tuple(dict.fromkeys((*(act for act in drafted if act != "unpublish"), *now)))


def saved(state: str) -> State:
    """Where a manuscript stands after a new text was saved: an approval is of the text that was read, no other."""
    return "review" if state == "review" else "draft"


def state_on_publishing(publish_at: datetime | None, now: datetime) -> State:
    """Publishing what has its time ahead of it schedules it."""
    return "scheduled" if publish_at is not None and publish_at > now else "published"
