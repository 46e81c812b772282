"""`banso publish`. It is given what it shares with all other commands: see `portal.cli`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from sqlmodel import Session

from portal import unchanged
from portal.kit import db
from portal.kit.i18n import Locale, Message
from portal.kit.later import later
from portal.unchanged import Said

if TYPE_CHECKING:
    from portal import publishing
    from portal.checklists.planning import ChecklistChange
    from portal.kit import bars
    from portal.publishing import Result, SegmentEffect
else:
    bars, publishing = later("portal.kit.bars"), later("portal.publishing")

BY: Final = "banso publish"


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
            root, zone = folder.resolve(), settings.zone
            found = None if check else unchanged.look(root)
            known = found and db.run(
                settings.database_url, lambda session: unchanged.said_of(session, found, settings), write=False
            )
            if known:
                show(known)
                return
            files = publishing.read(root, zone=zone, most=settings.upload_mb * 1_000_000)
            if check:
                shared.say(settings, Message("Everything is in order."))
                return
            state = shared.read(settings, publishing.state)
            with bars.progress() as bar:
                prepared = publishing.prepare(files, state=state, progress=bar)
            now = shared.now()
            changes = shared.read(settings, lambda session: publishing.preview(session, prepared, now=now, zone=zone))
            effects = shared.read(
                settings, lambda session: publishing.preview_segments(session, prepared, now=now, zone=zone)
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

            def write(session: Session) -> Result:
                done = publishing.publish(session, prepared, agreed=changes, by=BY, now=now, zone=zone)
                again = said_again(done, settings.locale)
                if found and again:
                    unchanged.note(session, found, again, settings, by=BY, now=now)
                return done

            result = shared.write(settings, write, act=BY)
            show(said(result, settings.locale))


def show(said: Said) -> None:
    """Warnings go where errors go, so that what was done can be read by a program."""
    for warning in said.warnings:
        typer.echo(warning, err=True)
    for line in said.lines:
        typer.echo(line)


def said(result: Result, locale: Locale) -> Said:
    """What a publication did."""
    return Said([one.into(locale) for one in result.warnings], lines(result))


def said_again(result: Result, locale: Locale) -> Said | None:
    """What the same publication says once more; None where that cannot be told before.

    Some warnings are only said when a text is rendered, and some end by themselves.
    """
    if result.unknown or (result.warnings and not result.changed_nothing):
        return None
    return Said([one.into(locale) for one in result.warnings], lines(result, again=True))


def lines(result: Result, *, again: bool = False) -> list[str]:
    """What a publication did, or what the same one does `again`: nothing."""
    told = []
    for kind, summary in (("documents", result.documents), ("tutorials", result.tutorials)):
        counts = (len(summary.added), len(summary.changed), len(summary.unchanged), len(summary.archived))
        counts = (0, 0, sum(counts[:3]), 0) if again else counts
        told.append("{}: {} added, {} changed, {} unchanged, {} archived".format(kind, *counts))
    segments, checklists = (
        [
            f"{one.key} {'unchanged' if again and one.kind not in publishing.STILL else one.kind}"
            for one in part
            if not again or one.kind != "archived"
        ]
        for part in (result.segments, result.checklists)
    )
    if segments:
        told.append(f"segments: {', '.join(segments)}")
    return [*told, f"checklists: {', '.join(checklists) or 'none'}"]


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
