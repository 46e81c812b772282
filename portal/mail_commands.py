"""Commands about mails, for the relay: given what all commands share, like those about data."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from portal.data_commands import Shared
from portal.kit.errors import BansoError
from portal.kit.later import later
from portal.kit.secrets import Secrets

if TYPE_CHECKING:
    from portal.mailing import bounces
else:
    bounces = later("portal.mailing.bounces")

TRY_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h: a relay keeps the mail and pipes it in again."""


def register(app: typer.Typer, shared: Shared) -> None:
    """Add the commands to their group."""
    mail = typer.Typer(no_args_is_help=True, help="Mails.")
    app.add_typer(mail, name="mail")

    @mail.callback()
    def about() -> None:
        """Keeps the group a group while it has one command."""

    @mail.command("bounce")
    def mail_bounce(
        to: Annotated[str, typer.Option(help="The address the notice was sent to, where its head does not say.")] = "",
    ) -> None:
        """Read a notice of non-delivery from standard input and mark the address; any other mail is passed over."""
        settings = shared.load()
        notice = sys.stdin.buffer.read()
        found = bounces.failures(notice)
        if not found:
            typer.echo("ignored: no notice that somebody was not reached for good")
            return
        secrets, came_to = Secrets(settings.secret, settings.secret_key_previous), [to, *bounces.sent_to(notice)]
        try:
            noted = shared.write(
                settings,
                lambda session: bounces.note_failures(session, secrets, found, came_to=came_to, now=shared.now()),
                act="banso mail bounce",
            )
        except (BansoError, SQLAlchemyError, OSError) as error:
            typer.echo(f"not now: {error}", err=True)
            raise typer.Exit(TRY_AGAIN) from error
        for one in noted:
            typer.echo(f"{'marked' if one.is_marked else 'noted'}: {one.address}")
        if not noted:
            typer.echo("ignored: about no mail of this portal")
