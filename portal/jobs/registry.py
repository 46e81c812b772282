"""What each kind of background job does, and what runs by the clock.

A handler may be run again after a crash, so each does something that bears repeating.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from portal.accounts import mails, sign_in
from portal.jobs import upkeep
from portal.kit.jobs import Claim, Worker
from portal.kit.mail import Mail
from portal.kit.web import Site


async def send_mail(site: Site, job: Claim) -> None:
    """Send a mail that was queued whole."""
    await site.mailer.send(Mail(**job.payload), now=site.clock())


HANDLERS: Mapping[str, Callable[[Site, Claim], Awaitable[None]]] = {
    sign_in.MAIL_JOB: mails.send_sign_in_mail,
    "mail": send_mail,
    upkeep.JOB: upkeep.run,
    upkeep.LOOK_JOB: upkeep.look_again,
}


def worker(site: Site) -> Worker:
    """The worker of this installation, with everything it can do."""
    return Worker(
        database=site.database,
        handlers={kind: partial(handler, site) for kind, handler in HANDLERS.items()},
        clock=site.clock,
        prepare=partial(upkeep.plan, site),
    )
