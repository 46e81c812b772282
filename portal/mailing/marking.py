"""Mails that are asked for one by one, sign-in and invitation: where a server says that nobody is reached, that shows.

Nothing is held back by it. The address is marked as it is for letters, so that staff see why somebody does not get in;
the next sign-in mail goes there all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portal.kit.db import Database
from portal.kit.mail import Mail, Mailer, Refused
from portal.mailing.addresses import stop


@dataclass(frozen=True)
class Marking:
    """A mailer that writes down which addresses were refused for good, and has done with those mails."""

    mailer: Mailer
    database: Database

    async def send(self, mail: Mail, *, now: datetime) -> None:
        try:
            await self.mailer.send(mail, now=now)
        except Refused as error:
            if not error.is_bad_address:
                raise
            # Asking again, eight times in a day, would be answered alike, and mail servers remember who does.
            said = error.said
            await self.database.write(lambda session: stop(session, mail.to, "bounced", now=now, detail=said))
