"""`banso publish`. It is given what it shares with all other commands: see `portal.cli`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from sqlmodel import Session

from portal.kit.i18n import Message
from portal.kit.later import later

if TYPE_CHECKING:
    from portal import publishing
    from portal.checklists.planning import ChecklistChange
    from portal.kit import bars
    from portal.publishing import SegmentEffect
else:
    bars, publishing = later("portal.kit.bars"), later("portal.publishing")


@dataclass(frozen=True)
class Shared:
    """What it shares with other commands; `stop` exits with a word of why."""

    load: Callable[[], Any]
    told: Callable[[Any], AbstractContextManager[None]]
    read: Callable[[Any, Callable[[Session], Any]], Any]
    write: Callable[..., Any]
    now: Callable[[], datetime]
    say: Callable[[Any, Message], None]
    stop: Callable[..., Any]


def register(app: typer.Typer, shared: Shared) -> None:
    """Add the command to `app`."""

    @app.command()
    def publish(
        folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Holds content/ and tutorials/.")] = Path(),
        check: Annotated[bool, typer.Option("--check", help="Only validate.")] = False,
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Publish without asking.")] = False,
    ) -> None:
        """Load DIR/content and DIR/tutorials into the library."""
        settings = shared.load()
        with shared.told(settings):
            files = publishing.read(folder.resolve(), zone=settings.zone, most=settings.upload_mb * 1_000_000)
            if check:
                shared.say(settings, Message("Everything is in order."))
                return
            state = shared.read(settings, publishing.state)
            with bars.progress() as bar:
                prepared = publishing.prepare(files, state=state, progress=bar)
            now = shared.now()
            changes = shared.read(
                settings, lambda session: publishing.preview(session, prepared, now=now, zone=settings.zone)
            )
            effects = shared.read(
                settings, lambda session: publishing.preview_segments(session, prepared, now=now, zone=settings.zone)
            )
            for change in changes:
                show_change(shared, settings, change)
            for effect in effects:
                show_segment(effect)
            if any(one.asks for one in (*changes, *effects)) and not yes:
                if not sys.stdin.isatty():
                    shared.stop(
                        settings, Message("Customers are affected. Nothing was changed; add --yes to publish."), code=2
                    )
                if not typer.confirm(Message("Publish?").into(settings.locale)):
                    shared.stop(settings, Message("Nothing was changed."), code=2)
            result = shared.write(
                settings,
                lambda session: publishing.publish(
                    session, prepared, agreed=changes, by="banso publish", now=now, zone=settings.zone
                ),
                act="banso publish",
            )
            for warning in result.warnings:
                typer.echo(warning.into(settings.locale), err=True)
            for kind, summary in (("documents", result.documents), ("tutorials", result.tutorials)):
                counts = (len(summary.added), len(summary.changed), len(summary.unchanged), len(summary.archived))
                typer.echo("{}: {} added, {} changed, {} unchanged, {} archived".format(kind, *counts))
            if result.segments:
                typer.echo(f"segments: {', '.join(f'{one.key} {one.kind}' for one in result.segments)}")
            typer.echo(f"checklists: {', '.join(f'{one.key} {one.kind}' for one in result.checklists) or 'none'}")


def show_segment(effect: SegmentEffect) -> None:
    """What publishing does to one segment: how many are in it, and which live checklists follow."""
    change = effect.change
    if change.kind in ("unchanged", "aside"):
        return
    follow = f" ({', '.join(effect.checklists)})" if effect.checklists else ""
    typer.echo(f"segment {change.key}: {change.kind}, {change.before} -> {change.after} customers{follow}")


def show_change(shared: Shared, settings: Any, change: ChecklistChange) -> None:
    """What publishing does to one checklist, with the names of those it concerns."""
    if change.kind == "unchanged":
        return
    typer.echo(f"{change.key}: {change.kind}")
    if change.kind == "changed":
        moved = Message("%(moved)s under way move to the new version, %(finished)s stay finished on theirs")
        shared.say(settings, Message(moved.msgid, moved=change.moved, finished=change.finished))
    for name, one in change.affected:
        before, after = one.before, one.after
        steps = f"{before.done}/{before.total} -> {after.done}/{after.total}"
        detail = [f"-{key}" for key in one.lost] + [f"+{key}" for key in one.added] + [f"~{key}" for key in one.changed]
        typer.echo(f"  {name}: {steps} {' '.join(detail)}{' completed' if one.would_complete else ''}".rstrip())
    for title, names in (("enrolled", change.enrolled), ("withdrawn", change.withdrawn)):
        if names:
            shown = ", ".join(names[:20]) + (f" … +{len(names) - 20}" if len(names) > 20 else "")
            typer.echo(f"  {title}: {len(names)} ({shown})")
