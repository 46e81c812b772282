"""What each kind of background job does; what runs by the clock is in `schedule`.

A job may be run again after a crash, so each does something that bears repeating.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from portal.accounts import bringing_in, invitation_mails, invitations, mails, one_person, personal, sign_in
from portal.checklists import again
from portal.content import related
from portal.insights import import_work, live
from portal.jobs import schedule, upkeep
from portal.kit.jobs import LATER, URGENT, Claim, Kind
from portal.kit.mail import Mail
from portal.kit.web import Site
from portal.kit.worker import Worker
from portal.mailing import alert_delivery, alerts, letters, posting
from portal.mailing.marking import Marking
from portal.studio import clockwork, going_out
from portal.webhooks import announce, deliver
from portal.workshop import batches
from portal.workshop import clockwork as workshop_work


async def send_mail(site: Site, job: Claim) -> None:
    """Send a mail that was queued whole."""
    await site.mailer.send(Mail(**job.payload), now=site.clock())


async def sweep_person(site: Site, job: Claim) -> None:
    """Erase once more whatever was being written while somebody was erased."""
    sealed = job.payload.get("sealed")
    if sealed:
        await site.database.write(lambda session: personal.sweep(session, sealed, job_id=job.id, now=site.clock()))


async def settle_people(site: Site, job: Claim) -> None:
    """Give whatever was being written for an entry of a person, while it became one with another, to that person."""
    account_id = job.payload["account"]
    await site.database.write(lambda session: one_person.settle(session, account_id, now=site.clock()))


async def work_out_related(site: Site, _job: Claim) -> None:
    """Find what belongs together in the library as it was published."""
    await related.work_out(site.database, now=site.clock())


def kinds(site: Site) -> Mapping[str, Kind]:
    """Everything that this installation can do in the background."""
    # Letters look after addresses themselves, with what else follows from it.
    marking = replace(site, mailer=Marking(site.mailer, site.database))
    return {
        sign_in.MAIL_JOB: Kind(partial(mails.send_sign_in_mail, marking), priority=URGENT),
        invitations.MAIL_JOB: Kind(partial(invitation_mails.send_invitation, marking)),
        bringing_in.JOB: Kind(partial(import_work.run, site), at_once=1),
        "mail": Kind(partial(send_mail, marking)),
        personal.SWEEP_JOB: Kind(partial(sweep_person, site)),
        one_person.SETTLE_JOB: Kind(partial(settle_people, site)),
        again.LOOK_JOB: Kind(partial(upkeep.look_again, site), priority=LATER, at_once=1),
        announce.JOB: deliver.kind(site),
        batches.JOB: Kind(partial(workshop_work.run, site)),
        letters.JOB: posting.kind(site),
        alerts.JOB: alert_delivery.kind(site),
        live.JOB: Kind(partial(live.run, site), priority=LATER, at_once=1),
        related.JOB: Kind(partial(work_out_related, site), priority=LATER, at_once=1),
        going_out.JOB: Kind(partial(clockwork.run, site)),
        **schedule.kinds(site),
    }


def worker(site: Site) -> Worker:
    """The worker of this installation, with everything it can do."""
    return Worker(database=site.database, kinds=kinds(site), clock=site.clock, prepare=partial(schedule.plan, site))
