"""What the clock does in the studio: lets out what is scheduled and releases whose time has come, takes down what ends.

Every time somebody names puts one job on the table. A job looks at all that is due, so it does not matter which of
them runs, how late, or how often.
"""

from __future__ import annotations

import asyncio
from functools import partial

from sqlmodel import Session

from portal.kit.errors import Conflict
from portal.kit.i18n import Message
from portal.kit.jobs import Claim
from portal.kit.web import Site
from portal.studio import releases
from portal.studio.going_out import (
    Gathered,
    due,
    gather,
    let_out_due,
    put_out,
    render,
    take_down_due,
)
from portal.studio.rules import Person


async def run(site: Site, _job: Claim) -> None:
    """Do all that is due now."""
    now = site.clock()
    out, down = await site.database.read(partial(due, now=now))
    if out:
        gathered = await site.database.read(partial(gather, keys=out))
        prepared = await asyncio.to_thread(render, gathered)
        await site.database.write(partial(let_out_due, gathered=gathered, prepared=prepared, now=now))
    for release_id in await site.database.read(partial(releases.due_releases, now=now)):
        await publish_release(site, release_id)
    if down:
        await site.database.write(partial(take_down_due, keys=down, now=now))


async def publish_release(site: Site, release_id: int, *, person: Person | None = None) -> int:
    """Let a whole release out; how many texts that were. `Conflict` where something of it is not approved."""
    now = site.clock()

    def look(session: Session) -> Gathered:
        return gather(session, releases.ready(session, release_id, person=person).keys)

    gathered = await site.database.read(look)
    prepared = await asyncio.to_thread(render, gathered)

    def write(session: Session) -> int:
        keys = releases.ready(session, release_id, person=person).keys
        if set(keys) != set(gathered.revisions):
            raise Conflict(Message("The release was changed meanwhile. Nothing was published."))
        put_out(session, gathered, prepared, person=person, now=now, at_once=True)
        releases.settle(session, release_id, now=now)
        return len(keys)

    return await site.database.write(write)
