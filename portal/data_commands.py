"""Commands about what sends and reads data, and about what is held of one person.

They are given what they share with all other commands, so that this module needs to know neither settings nor `main`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol
from zoneinfo import ZoneInfo

import orjson
import typer
from sqlmodel import Session

from portal.kit.db import open_database
from portal.kit.errors import Invalid, NotFound
from portal.kit.i18n import Locale, Message
from portal.kit.later import later
from portal.kit.secrets import Secrets

if TYPE_CHECKING:
    from portal.accounts import keys, people, personal, service
    from portal.accounts.models import Account, Member
    from portal.events import export, reads, rotation
    from portal.events.reads import EventFilters
    from portal.kit import dates
else:
    keys, people, personal, service = (
        later(f"portal.accounts.{name}") for name in ("keys", "people", "personal", "service")
    )
    dates = later("portal.kit.dates")
    export, reads, rotation = (later(f"portal.events.{name}") for name in ("export", "reads", "rotation"))


class Installation(Protocol):
    """What these commands need of the settings."""

    database_url: str
    locale: Locale
    secret_key_previous: str

    @property
    def secret(self) -> str: ...
    @property
    def zone(self) -> ZoneInfo: ...


@dataclass(frozen=True)
class Shared:
    """What all commands share: see `portal.cli`."""

    load: Callable[[], Any]
    told: Callable[[Any], AbstractContextManager[None]]
    read: Callable[[Any, Callable[[Session], Any]], Any]
    write: Callable[..., Any]
    now: Callable[[], datetime]


SourceName = Annotated[str, typer.Argument(metavar="NAME", help="The source's name.")]
AccountOption = Annotated[str, typer.Option("--account", help="The customer's id.")]
MemberArgument = Annotated[str, typer.Argument(metavar="MEMBER", help="The person's id in the product, or address.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Without asking.")]


def register(app: typer.Typer, *, source: typer.Typer, key: typer.Typer, shared: Shared) -> None:
    """Add the commands to their groups."""
    member = typer.Typer(no_args_is_help=True, help="One person's data.")
    events = typer.Typer(no_args_is_help=True, help="Raw events.")
    app.add_typer(member, name="member")
    app.add_typer(events, name="events")
    _sources(source, shared)
    _keys(key, shared)
    _members(member, shared)
    _events(events, shared)


def _sources(group: typer.Typer, shared: Shared) -> None:
    @group.command("list")
    def source_list() -> None:
        """Every source, one a line: name, state, last seen."""
        settings = shared.load()
        with shared.told(settings):
            for one in shared.read(settings, rotation.list_sources):
                state = "revoked" if one.revoked_at else "live"
                typer.echo(f"{one.name}\t{state}\t{dates.iso(one.last_seen_at) or 'never'}")

    @group.command("rotate")
    def source_rotate(
        name: SourceName,
        kind: Annotated[str, typer.Argument(metavar="KIND", help="write-key, webhook-secret or signing-secret.")],
        hours: Annotated[int, typer.Option(min=0, max=2160, help="How long the old one still counts.")] = 24,
    ) -> None:
        """Make a new key and print it, this once; the old one counts for some hours more."""
        settings = shared.load()
        secrets = Secrets(settings.secret, settings.secret_key_previous)
        with shared.told(settings):
            which = rotation.as_kind(kind)
            fresh = shared.write(
                settings,
                lambda session: rotation.rotate(
                    session,
                    secrets,
                    rotation.source_by_name(session, name),
                    which,
                    now=shared.now(),
                    overlap=timedelta(hours=hours),
                ),
            )
            typer.echo(f"{which.replace('-', ' ')}: {fresh}")

    @group.command("revoke")
    def source_revoke(name: SourceName, yes: Yes = False) -> None:
        """Take nothing from the source any more. What it has sent stays."""
        settings = shared.load()
        with shared.told(settings):
            shared.read(settings, lambda session: rotation.source_by_name(session, name))
            said = Message("Everything that sends with the keys of “%(name)s” is refused from now on.", name=name)
            agreed(settings, said, yes=yes)
            shared.write(
                settings,
                lambda session: rotation.revoke(session, rotation.source_by_name(session, name), now=shared.now()),
            )
            typer.echo(f"revoked: {name}")


def _keys(group: typer.Typer, shared: Shared) -> None:
    @group.command("add")
    def key_add(
        name: str, scope: Annotated[str, typer.Option(help="read, or write (which includes read).")] = "read"
    ) -> None:
        """Add an API key and print it; it is shown this once."""
        settings = shared.load()
        with shared.told(settings):
            if scope not in ("read", "write"):
                raise Invalid(Message("The scope is read or write."))
            _, secret = shared.write(
                settings,
                lambda session: keys.add_api_key(
                    session, name, "write" if scope == "write" else "read", now=shared.now()
                ),
                act="banso key add",
            )
            typer.echo(f"API key: {secret}")

    @group.command("list")
    def key_list() -> None:
        """Every API key, one a line: name, scope, its last four characters, state, last use."""
        settings = shared.load()
        with shared.told(settings):
            for one in shared.read(settings, keys.list_api_keys):
                state = "revoked" if one.revoked_at else "live"
                typer.echo(f"{one.name}\t{one.scope}\t{one.hint}\t{state}\t{dates.iso(one.last_used_at) or 'never'}")

    @group.command("revoke")
    def key_revoke(name: Annotated[str, typer.Argument(metavar="NAME")], yes: Yes = False) -> None:
        """Let an API key open nothing any more."""
        settings = shared.load()
        with shared.told(settings):
            shared.read(settings, lambda session: keys.api_key_named(session, name))
            agreed(
                settings, Message("Whoever calls the API with “%(name)s” is refused from now on.", name=name), yes=yes
            )
            shared.write(
                settings,
                lambda session: keys.revoke_api_key(session, keys.api_key_named(session, name), now=shared.now()),
            )
            typer.echo(f"revoked: {name}")


def _members(group: typer.Typer, shared: Shared) -> None:
    @group.command("export")
    def member_export(member: MemberArgument, account: AccountOption) -> None:
        """Print everything held of one person, as JSON."""
        settings = shared.load()
        with shared.told(settings):
            everything = shared.read(
                settings,
                lambda session: personal.everything_about(session, _person(session, account, member), now=shared.now()),
            )
            typer.echo(orjson.dumps(everything, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())

    @group.command("erase")
    def member_erase(
        member: MemberArgument,
        account: AccountOption,
        reason: Annotated[str, typer.Option(help="Why; it stays on record. Do not name the person.")],
        yes: Yes = False,
    ) -> None:
        """Erase one person everywhere. What they did still counts for the customer, without a name."""
        settings = shared.load()
        with shared.told(settings):
            shared.read(settings, lambda session: _person(session, account, member).id)
            said = Message("“%(member)s” of “%(account)s” is erased for good.", member=member, account=account)
            agreed(settings, said, yes=yes)
            shared.write(
                settings,
                lambda session: personal.erase_member(
                    session,
                    _person(session, account, member),
                    by="banso member erase",
                    reason=reason,
                    now=shared.now(),
                ),
            )
            typer.echo(f"erased: one person of {account}")


def _events(group: typer.Typer, shared: Shared) -> None:
    @group.command("export")
    def events_export(
        source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
        account: Annotated[str | None, typer.Option(help="Only of the customer with this id.")] = None,
        file: Annotated[Path | None, typer.Option("--to", help="A file to write; standard output if not said.")] = None,
    ) -> None:
        """Write all raw events that are still kept, one JSON object a line, oldest first."""
        settings = shared.load()
        with shared.told(settings):
            filters = shared.read(settings, lambda session: _filters(session, source, account))
            if file is None:
                asyncio.run(_write(settings, filters, sys.stdout.buffer.write))
            else:
                with file.open("wb") as out:
                    asyncio.run(_write(settings, filters, out.write))


async def _write(settings: Installation, filters: EventFilters, write: Callable[[bytes], object]) -> None:
    database = open_database(settings.database_url, zone=settings.zone)
    try:
        async for lines in export.jsonl(database, filters):
            write(lines)
    finally:
        await database.close()


def agreed(settings: Installation, said: Message, *, yes: bool) -> None:
    """Ask on a terminal; without one nothing is done unless `--yes` says so (exit code 2)."""
    if yes:
        return
    typer.echo(said.into(settings.locale), err=True)
    if sys.stdin.isatty() and typer.confirm(Message("Go on?").into(settings.locale)):
        return
    typer.echo(Message("Nothing was changed; add --yes to go on without being asked.").into(settings.locale), err=True)
    raise typer.Exit(2)


def _person(session: Session, account: str, member: str) -> Member:
    """The person of this customer with this id, or this address; `NotFound` names what is not there."""
    owner = _account(session, account)
    found = people.member_of(session, service.id_of(owner), member) or people.member_by_email(
        session, service.id_of(owner), member
    )
    if found is None:
        raise NotFound(Message("“%(account)s” has nobody called “%(member)s”.", account=account, member=member))
    return found


def _account(session: Session, account: str) -> Account:
    found = service.account_by_external_id(session, account)
    if found is None:
        raise NotFound(Message("There is no customer with the id “%(account)s”.", account=account))
    return found


def _filters(session: Session, source: str | None, account: str | None) -> EventFilters:
    return reads.EventFilters(
        source_id=rotation.source_by_name(session, source).id if source is not None else None,
        account_id=service.id_of(_account(session, account)) if account is not None else None,
    )
