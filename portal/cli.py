"""The `banso` command. Every command works from any directory; what machines read is plain lines.

What people read is in the installation's language (`BANSO_LOCALE`). Exit codes: 0 done, 1 something is wrong (said on
standard error), 2 not without your word.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from sqlmodel import Session

from portal import data_commands, library_commands, mail_commands, publish_command
from portal.kit import db
from portal.kit.clock import utcnow
from portal.kit.errors import BansoError, Conflict
from portal.kit.files import FileProblems
from portal.kit.i18n import Message
from portal.kit.later import later
from portal.kit.secrets import Secrets
from portal.settings import Settings

if TYPE_CHECKING:
    from portal import doctor as checkup
    from portal import listening, main
    from portal.accounts import fields, import_rows, imports, own_fields, sign_in, staff, trail_changes
    from portal.demo import build as demonstration
    from portal.demo import product
    from portal.events import deliveries, sources
    from portal.kit import backup as backups
    from portal.kit import bars, metrics, migrations, server
else:
    # A command imports what it does, and not what all the others do: the whole portal takes seconds.
    checkup, listening, main = (later(f"portal.{name}") for name in ("doctor", "listening", "main"))
    import_rows, imports, own_fields, sign_in, staff, trail_changes = (
        later(f"portal.accounts.{name}")
        for name in ("import_rows", "imports", "own_fields", "sign_in", "staff", "trail_changes")
    )
    demonstration, product = later("portal.demo.build"), later("portal.demo.product")
    deliveries, sources = later("portal.events.deliveries"), later("portal.events.sources")
    backups, bars, metrics, migrations, server = (
        later(f"portal.kit.{name}") for name in ("backup", "bars", "metrics", "migrations", "server")
    )

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
staff_app = typer.Typer(no_args_is_help=True, help="People of the vendor.")
source_app = typer.Typer(no_args_is_help=True, help="What sends events.")
key_app = typer.Typer(no_args_is_help=True, help="API keys.")
import_app = typer.Typer(no_args_is_help=True, help="Customers and people from CSV files, documents from a folder.")
for name, group in (("staff", staff_app), ("source", source_app), ("key", key_app), ("import", import_app)):
    app.add_typer(group, name=name)


# --- running ----------------------------------------------------------------------------------------------------------


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    settings = load_settings()
    with told(settings):
        migrations.upgrade(settings.database_url)
        typer.echo(f"schema: {migrations.head()}")


@app.command()
def serve(
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes; with one, background work runs in it too.")
    ] = 1,
    reload: Annotated[bool, typer.Option("--reload", help="Restart when a file changes; for developing.")] = False,
) -> None:
    """Serve the portal."""
    settings = load_settings()
    if not settings.may_serve(host):
        stop(settings, Message("Set BANSO_SECRET_KEY (32 characters or more) before serving beyond this machine."))
    with told(settings):
        db.run(settings.database_url, check_schema, write=False)
    target = "portal.main:serving_with_worker" if workers == 1 else "portal.main:serving"
    server.serve(target, host=host, port=port, workers=workers, reload=reload)


@app.command()
def worker(metrics_port: int = 0, metrics_host: str = "127.0.0.1") -> None:
    """Do the background work, until told to stop; with a port, figures for Prometheus are shown there."""
    settings = load_settings()
    if metrics_port:
        metrics.serve(metrics_host, metrics_port)
    with told(settings):
        db.run(settings.database_url, check_schema, write=False)
        asyncio.run(main.work(settings))


@app.command()
def demo(port: int = 8000) -> None:
    """Serve a demo vendor with 60 customers, on a database that is gone afterwards."""
    base = load_settings()
    with told(base), demonstration.demo_settings(port, base) as settings:
        listening.subscribe()
        shop = product.ProductServer(port + 1)
        with bars.progress() as bar:
            ready = demonstration.build(settings, origin=shop.origin, now=utcnow(), progress=bar)
        for label, value in ready.lines:
            typer.echo(f"{label}: {value}")
        sys.stdout.flush()
        os.environ.update(ready.environment)
        with shop.serving(ready.product):
            server.serve("portal.main:serving_with_worker", host="127.0.0.1", port=port, workers=1)


# --- people, keys, imports --------------------------------------------------------------------------------------------


@staff_app.command("add")
def staff_add(
    email: str,
    name: str | None = None,
    role: Annotated[str | None, typer.Option(help="owner, cs, editor or viewer; cs if not said.")] = None,
) -> None:
    """Add a staff person, or change their name or role."""
    settings = load_settings()
    with told(settings):
        person = write_database(
            settings,
            lambda session: staff.add_staff(session, email=email, name=name, role=role, now=utcnow()).email,
            act="banso staff add",
        )
        typer.echo(f"staff: {person}")


@app.command()
def link(email: str) -> None:
    """A one-time sign-in link for someone who may sign in."""
    settings = load_settings()
    with told(settings):
        path = write_database(
            settings,
            lambda session: sign_in.issue_link(session, email, now=utcnow(), minutes=settings.link_minutes),
            act="banso link",
        )
        typer.echo(f"{settings.base_url.rstrip('/')}{path}")


@source_app.command("add")
def source_add(
    name: str,
    origin: Annotated[list[str] | None, typer.Option(help="An origin browsers may send from; may be repeated.")] = None,
) -> None:
    """Add a source and print its keys; all but the public one are shown this once."""
    settings = load_settings()
    secrets = Secrets(settings.secret, settings.secret_key_previous)
    with told(settings):
        added = write_database(
            settings,
            lambda session: sources.add_source(session, secrets, name=name, origins=origin or (), now=utcnow()),
            act="banso source add",
        )
        typer.echo(f"source: {added.name}")
        typer.echo(f"public key: {added.public_key}")
        typer.echo(f"write key: {added.write_key}")
        typer.echo(f"webhook secret: {added.webhook_secret}")
        typer.echo(f"signing secret: {added.signing_secret}")


@source_app.command("set")
def source_set(
    name: str,
    webhook_auth: Annotated[
        str | None, typer.Option(help="How its webhooks prove themselves: signature, bearer.")
    ] = None,
    events_per_second: Annotated[int | None, typer.Option(help="Its own limit; 0 for that of every source.")] = None,
) -> None:
    """Change how a source proves its webhooks, or how much it may send."""
    settings = load_settings()
    with told(settings):
        auth, limit = write_database(
            settings,
            lambda session: sources.set_up_source(
                session, name=name, webhook_auth=webhook_auth, events_per_second=events_per_second
            ),
        )
        typer.echo(f"webhook auth: {auth}")
        typer.echo(f"events per second: {limit or settings.events_per_second}")


@source_app.command("refused")
def source_refused(name: str) -> None:
    """The last webhooks of a source that were not taken, newest first, and why."""
    settings = load_settings()
    with told(settings):
        for one in read_database(settings, lambda session: deliveries.refused_of(session, name)):
            typer.echo(one.line)


FileArgument = Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False, readable=True)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]


@import_app.command("accounts")
def import_accounts(file: FileArgument, dry_run: DryRun = False) -> None:
    """Import customers: all rows or none."""
    import_file("accounts", file, dry_run=dry_run)


@import_app.command("members")
def import_members(file: FileArgument, dry_run: DryRun = False) -> None:
    """Import people of customers: all rows or none."""
    import_file("members", file, dry_run=dry_run)


def import_file(kind: "imports.Kind", file: Path, *, dry_run: bool) -> None:
    """Read a file, and write all of it or nothing."""
    settings = load_settings()
    with told(settings):
        with bars.progress() as bar:
            own = read_database(settings, _own_readers) if kind == "accounts" else {}
            content = file.read_bytes()
            rows = imports.read_import(kind, content, file=str(file), zone=settings.zone, progress=bar, own=own)
        result = write_database(
            settings,
            lambda session: import_rows.import_rows(session, rows, now=utcnow(), dry_run=dry_run),
            act=f"banso import {kind}",
        )
        if not result.ok:
            raise FileProblems(result.problems)
        if dry_run:
            say(settings, Message("Nothing was changed: this was a dry run."))
        typer.echo(f"{kind}: {result.created} created, {result.updated} updated, {result.unchanged} unchanged")


def _own_readers(session: Session) -> "dict[str, fields.Reader]":
    """How the columns of the vendor's own fields are read."""
    return own_fields.readers(own_fields.own_fields(session))


# --- operating --------------------------------------------------------------------------------------------------------


@app.command()
def doctor() -> None:
    """Check the installation; exits 1 where something must be mended."""
    settings = load_settings()
    findings = checkup.examine(settings, now=utcnow())
    for finding in findings:
        typer.echo(f"{finding.level}: {finding.subject}: {finding.message.into(settings.locale)}")
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(1)


@app.command()
def backup(file: Path) -> None:
    """Write a consistent copy of the database to FILE, while the portal runs."""
    settings = load_settings()
    with told(settings):
        size = backups.backup(settings.database_url, file)
        typer.echo(f"backup: {file} ({size} bytes)")


# --- what the commands share ------------------------------------------------------------------------------------------


def load_settings() -> Settings:
    """The settings, or a line for each that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        for problem in error.errors():
            typer.echo(f"BANSO_{str(problem['loc'][0]).upper()}: {problem['msg']}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def told(settings: Settings) -> Iterator[None]:
    """Say what went wrong as lines on standard error, and exit 1."""
    try:
        yield
    except FileProblems as wrong:
        lines = [problem.into(settings.locale) for problem in wrong.problems]
    except BansoError as wrong:
        lines = [said.into(settings.locale) for said in (wrong.message, *(one.message for one in wrong.problems))]
    else:
        return
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(1)


def stop(settings: Settings, message: Message, *, code: int = 1) -> NoReturn:
    """Say why, and exit."""
    typer.echo(message.into(settings.locale), err=True)
    raise typer.Exit(code)


def say(settings: Settings, message: Message) -> None:
    """One line for people."""
    typer.echo(message.into(settings.locale))


def write_database(settings: Settings, work: Callable[[Session], T], *, act: str = "banso") -> T:
    """One unit of work with everybody listening who listens to the portal; `act` names it in the audit log."""
    listening.subscribe()
    secrets = Secrets(settings.secret, settings.secret_key_previous)
    noted = on_current_schema(trail_changes.on_trail(work, act=act, now=utcnow()))
    return db.run(settings.database_url, noted, zone=settings.zone, secrets=secrets)


def read_database(settings: Settings, work: Callable[[Session], T]) -> T:
    """One look at the installation's database."""
    return db.run(settings.database_url, on_current_schema(work), zone=settings.zone, write=False)


def on_current_schema(work: Callable[[Session], T]) -> Callable[[Session], T]:
    """`work`, once the schema is known to be this version's."""

    def checked(session: Session) -> T:
        check_schema(session)
        return work(session)

    return checked


def check_schema(session: Session) -> None:
    """`Conflict` where the schema is not this version's: a person is told what to run, before any table is missed."""
    if migrations.version_of(session.connection()) != migrations.head():
        raise Conflict(Message("The database is not at this version's schema. Run: banso migrate"))


shared = data_commands.Shared(load_settings, told, read_database, write_database, utcnow)
data_commands.register(app, source=source_app, key=key_app, shared=shared)
mail_commands.register(app, shared)
library_commands.register(
    app,
    importing=import_app,
    load=load_settings,
    told=told,
    read=read_database,
    write=write_database,
    now=utcnow,
)
publish_command.register(
    app,
    publish_command.Shared(load_settings, told, read_database, write_database, utcnow, say, stop),
)
