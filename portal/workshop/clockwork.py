"""The rest of what was asked for many at once: jobs that do so many accounts a transaction, until none is left."""

from __future__ import annotations

from functools import partial

from portal.checklists.actors import Actor
from portal.kit.jobs import Claim
from portal.kit.web import Site
from portal.workshop import batches


async def run(site: Site, job: Claim) -> None:
    """The rest of a batch that is too large for one transaction, so many at a time."""
    number = job.payload["batch"]
    if "undo" in job.payload:
        actor, said = Actor(kind="staff", key=job.payload["undo"], name=""), str(job.payload["said"])
        back = partial(batches.go_back, batch_id=number, actor=actor, said=said, now=site.clock(), zone=site.zone)
        while await site.database.write(back):
            pass
        return
    while await site.database.write(lambda session: batches.go_on(session, number, now=site.clock(), zone=site.zone)):
        pass
