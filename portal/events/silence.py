"""Messages about people who were erased: they count for the customer, and name nobody.

Before anything else is done with a batch, so that no name of theirs gets any further. Asked are only ids that nobody
has: whoever is listed is there. The texts of such a message go too, since nobody can tell any more what in them names
somebody whose names are not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.accounts.tombstones import erased_among
from portal.events.aliases import own_ref
from portal.events.attribute import Directory
from portal.events.rules import Incoming


def without_the_erased(session: Session, directory: Directory, batch: Sequence[Incoming]) -> Sequence[Incoming]:
    """The batch, with nothing of the erased in it; `directory` is what is known of its names."""
    unknown = {one.user_ref for one in batch if one.user_ref is not None and not _is_listed(one, directory)}
    # What meant them may be said of nobody, and to mean somebody else.
    unknown |= {one.anonymous_ref for one in batch if one.anonymous_ref is not None and _is_by_alias(one)}
    erased = erased_among(session, unknown)
    if not erased:
        return batch
    homes = frozenset[int]().union(*erased.values())
    asked = select(col(Account.id), col(Account.external_id)).where(col(Account.id).in_(sorted(homes)))
    names = {account_id: name for account_id, name in session.connection().execute(asked) if account_id is not None}
    return [_silenced(one, directory, erased, names) for one in batch]


def without_the_erased_by_other_names(
    session: Session, directory: Directory, batch: Sequence[Incoming], named: Sequence[Incoming]
) -> tuple[Sequence[Incoming], Sequence[Incoming]]:
    """The same once everybody in the batch is called by the id they are known by (`named`); both, without them."""
    silenced = without_the_erased(session, directory, named)
    if silenced is named:
        return batch, named
    return [new if new is not old else one for one, old, new in zip(batch, named, silenced, strict=True)], silenced


def _silenced(
    one: Incoming, directory: Directory, erased: Mapping[str, frozenset[int]], names: Mapping[int, str | None]
) -> Incoming:
    homes = erased.get(own_ref(one) or "", frozenset())
    if one.anonymous_ref in erased and one.anonymous_ref not in directory.people:
        one = replace(one, anonymous_ref=None)
    if not homes or _is_listed(one, directory):
        return one
    group_ref = one.group_ref
    if group_ref is None:
        group_ref = names.get(next(iter(homes))) if len(homes) == 1 else None
    elif directory.accounts.get(group_ref) not in homes:
        return one
    return replace(one, user_ref=None, anonymous_ref=None, group_ref=group_ref, properties=_kept(one))


def _kept(one: Incoming) -> dict[str, object]:
    """What a `group` says is about the company; of all else nothing is kept."""
    return one.properties if one.kind == "group" else {}


def _is_by_alias(one: Incoming) -> bool:
    """Whether its anonymous id is more than a remark."""
    return one.user_ref is None or one.kind in ("alias", "identify")


def _is_listed(one: Incoming, directory: Directory) -> bool:
    """Whether the person it names is somebody's, where it says it happened."""
    if one.group_ref is None:
        return one.user_ref in directory.people
    account_id = directory.accounts.get(one.group_ref)
    return account_id is not None and directory.membership(one.user_ref, account_id) is not None
