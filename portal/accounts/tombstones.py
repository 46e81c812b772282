"""Who was erased, to be recognised and not to be read: a keyed hash of the id the product has for them.

A late event must not bring back somebody who was erased. Only of ids that nobody has is it asked: whoever is made known
again on purpose, by the interface or an import, is there again. While the secret key changes, both keys are tried.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.inserts import insert_missing
from portal.accounts.models import Tombstone
from portal.kit.db import chunks, secrets_of

PURPOSE = "tombstone"


def bury(session: Session, *, account_id: int, external_id: str, now: datetime) -> None:
    """From now on events name `external_id` in vain, as far as this customer is concerned."""
    mac = secrets_of(session).mac(PURPOSE, external_id)
    insert_missing(
        session, Tombstone, [{"mac": mac, "account_id": account_id, "erased_at": now}], returning=["account_id"]
    )


def erased_among(session: Session, refs: Iterable[str]) -> dict[str, frozenset[int]]:
    """Those of `refs` who were erased, with the customers they were erased from."""
    wanted = sorted(set(refs))
    # Mostly nobody was ever erased, and then nothing is hashed.
    if not wanted or session.connection().execute(_ANY).first() is None:
        return {}
    secrets = secrets_of(session)
    by_mac = {mac: ref for ref in wanted for mac in secrets.macs(PURPOSE, ref)}
    found: defaultdict[str, set[int]] = defaultdict(set)
    for some in chunks(list(by_mac)):
        asked = select(col(Tombstone.mac), col(Tombstone.account_id)).where(col(Tombstone.mac).in_(some))
        for mac, account_id in session.connection().execute(asked):
            assert mac is not None
            assert account_id is not None
            found[by_mac[mac]].add(account_id)
    return {ref: frozenset(accounts) for ref, accounts in found.items()}


_ANY = select(col(Tombstone.account_id)).limit(1)
