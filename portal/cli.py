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
from typing import Annotated, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlmodel import Session

from portal import data_commands, library_commands, main, publishing
from portal import doctor as checkup
from portal.accounts import sign_in, staff
from portal.accounts.import_rows import import_rows
from portal.accounts.imports import Kind, read_import
from portal.checklists.planning import ChecklistChange
from portal.demo import build as demonstration
from portal.events import deliveries, sources
from portal.kit import backup as backups
from portal.kit import db, metrics, migrations
from portal.kit.clock import utcnow
from portal.kit.errors import BansoError, Conflict
from portal.kit.files import FileProblems
from portal.kit.i18n import Message
from portal.kit.secrets import Secrets
from portal.kit.server import serve as run_server
from portal.settings import Settings

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
staff_app = typer.Typer(no_args_is_help=True, help="People of the vendor.")
source_app = typer.Typer(no_args_is_help=True, help="What sends events.")
key_app = typer.Typer(no_args_is_help=True, help="API keys.")
import_app = typer.Typer(no_args_is_help=True, help="Customers and people from CSV files.")
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
    run_server(target, host=host, port=port, workers=workers, reload=reload)


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
        main.subscribe()
        with progress() as bar:
            ready = demonstration.build(settings, now=utcnow(), progress=bar)
        for label, value in ready.lines:
            typer.echo(f"{label}: {value}")
        sys.stdout.flush()
        os.environ.update(ready.environment)
        run_server("portal.main:serving_with_worker", host="127.0.0.1", port=port, workers=1)


# --- publishing -------------------------------------------------------------------------------------------------------


@app.command()
def publish(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Holds content/ and tutorials/.")] = Path(),
    check: Annotated[bool, typer.Option("--check", help="Only validate.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Publish without asking.")] = False,
) -> None:
    """Load DIR/content and DIR/tutorials into the library."""
    settings = load_settings()
    with told(settings):
        files = publishing.read(folder.resolve(), zone=settings.zone)
        if check:
            say(settings, Message("Everything is in order."))
            return
        state = read_database(settings, publishing.state)
        with progress() as bar:
            prepared = publishing.prepare(files, state=state, progress=bar)
        now = utcnow()
        changes = read_database(
            settings, lambda session: publishing.preview(session, prepared, now=now, zone=settings.zone)
        )
        for change in changes:
            show_change(settings, change)
        if any(change.asks for change in changes) and not yes:
            if not sys.stdin.isatty():
                stop(settings, Message("Customers are affected. Nothing was changed; add --yes to publish."), code=2)
            if not typer.confirm(Message("Publish?").into(settings.locale)):
                stop(settings, Message("Nothing was changed."), code=2)
        result = write_database(
            settings,
            lambda session: publishing.publish(
                session, prepared, agreed=changes, by="banso publish", now=now, zone=settings.zone
            ),
        )
        for warning in result.warnings:
            typer.echo(warning.into(settings.locale), err=True)
        for kind, summary in (("documents", result.documents), ("tutorials", result.tutorials)):
            counts = (len(summary.added), len(summary.changed), len(summary.unchanged), len(summary.archived))
            typer.echo("{}: {} added, {} changed, {} unchanged, {} archived".format(kind, *counts))
        typer.echo(f"checklists: {', '.join(f'{one.key} {one.kind}' for one in result.checklists) or 'none'}")


def show_change(settings: Settings, change: ChecklistChange) -> None:
    """What publishing does to one checklist, with the names of those it concerns."""
    if change.kind == "unchanged":
        return
    typer.echo(f"{change.key}: {change.kind}")
    if change.kind == "changed":
        moved = Message("%(moved)s under way move to the new version, %(finished)s stay finished on theirs")
        say(settings, Message(moved.msgid, moved=change.moved, finished=change.finished))
    for name, one in change.affected:
        before, after = one.before, one.after
        steps = f"{before.done}/{before.total} -> {after.done}/{after.total}"
        detail = [f"-{key}" for key in one.lost] + [f"+{key}" for key in one.added] + [f"~{key}" for key in one.changed]
        typer.echo(f"  {name}: {steps} {' '.join(detail)}{' completed' if one.would_complete else ''}".rstrip())
    for title, names in (("enrolled", change.enrolled), ("withdrawn", change.withdrawn)):
        if names:
            shown = ", ".join(names[:20]) + (f" … +{len(names) - 20}" if len(names) > 20 else "")
            typer.echo(f"  {title}: {len(names)} ({shown})")


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
            settings, lambda session: staff.add_staff(session, email=email, name=name, role=role, now=utcnow()).email
        )
        typer.echo(f"staff: {person}")


@app.command()
def link(email: str) -> None:
    """A one-time sign-in link for someone who may sign in."""
    settings = load_settings()
    with told(settings):
        path = write_database(
            settings, lambda session: sign_in.issue_link(session, email, now=utcnow(), minutes=settings.link_minutes)
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


def import_file(kind: Kind, file: Path, *, dry_run: bool) -> None:
    """Read a file, and write all of it or nothing."""
    settings = load_settings()
    with told(settings):
        with progress() as bar:
            rows = read_import(kind, file.read_bytes(), file=str(file), zone=settings.zone, progress=bar)
        result = write_database(settings, lambda session: import_rows(session, rows, now=utcnow(), dry_run=dry_run))
        if not result.ok:
            raise FileProblems(result.problems)
        if dry_run:
            say(settings, Message("Nothing was changed: this was a dry run."))
        typer.echo(f"{kind}: {result.created} created, {result.updated} updated, {result.unchanged} unchanged")


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


def write_database(settings: Settings, work: Callable[[Session], T]) -> T:
    """One unit of work on the installation's database, with everybody listening who listens to the portal."""
    main.subscribe()
    secrets = Secrets(settings.secret, settings.secret_key_previous)
    return db.run(settings.database_url, on_current_schema(work), zone=settings.zone, secrets=secrets)


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


@contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, and nothing where output goes to a file or a machine."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        task = bars.add_task("", total=None)

        def show(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield show


data_commands.register(
    app,
    source=source_app,
    key=key_app,
    shared=data_commands.Shared(load_settings, told, read_database, write_database, utcnow),
)
library_commands.register(app, load=load_settings, told=told, read=read_database)
