"""Commands about the library beside publishing it. They are given what they share with all others: see `portal.cli`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from portal.checklists.publish import ChecklistChange
from portal.kit.i18n import Locale, Message
from portal.publishing import SegmentEffect
from portal.segments import service as segments
from portal.segments.files import FILE as SEGMENTS
from portal.studio import export as files

NO_CHECKLISTS = Message(
    "Checklists are not exported. Publish from a folder that has them too: without their files they end."
)


def register(
    app: typer.Typer,
    *,
    load: Callable[[], Any],
    told: Callable[[Any], AbstractContextManager[None]],
    read: Callable[[Any, Callable[[Session], Any]], Any],
) -> None:
    """Add the commands to `app`."""

    @app.command()
    def export(
        folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where content/ is, or is to be.")] = Path(),
    ) -> None:
        """Write the library back as files below DIR/content."""
        settings = load()
        with told(settings):
            texts, has_checklists = read(settings, files.texts_and_checklists)
            said = read(settings, segments.exported)
            done = files.write(folder.resolve(), {**texts, **({SEGMENTS: said} if said else {})})
            for old, new in done.moved:
                typer.echo(f"moved: {old} -> {new}")
            for name in done.changed:
                typer.echo(f"written: {name}")
            typer.echo(f"documents: {len(done.files)} files, {len(done.changed)} written, {len(done.moved)} moved")
            if has_checklists and not (folder / "content" / "checklists").is_dir():
                typer.echo(NO_CHECKLISTS.into(settings.locale), err=True)


def show_segment(effect: SegmentEffect) -> None:
    """What publishing does to one segment: how many are in it, and which live checklists follow."""
    change = effect.change
    if change.kind in ("unchanged", "aside"):
        return
    follow = f" ({', '.join(effect.checklists)})" if effect.checklists else ""
    typer.echo(f"segment {change.key}: {change.kind}, {change.before} -> {change.after} customers{follow}")


def show_change(change: ChecklistChange, locale: Locale) -> None:
    """What publishing does to one checklist, with the names of those it concerns."""
    if change.kind == "unchanged":
        return
    typer.echo(f"{change.key}: {change.kind}")
    if change.kind == "changed":
        counts = {"moved": change.moved, "finished": change.finished}
        said = Message("%(moved)s under way move to the new version, %(finished)s stay finished on theirs", **counts)
        typer.echo(said.into(locale))
    for name, one in change.affected:
        before, after = one.before, one.after
        steps = f"{before.done}/{before.total} -> {after.done}/{after.total}"
        detail = [f"-{key}" for key in one.lost] + [f"+{key}" for key in one.added] + [f"~{key}" for key in one.changed]
        typer.echo(f"  {name}: {steps} {' '.join(detail)}{' completed' if one.would_complete else ''}".rstrip())
    for title, names in (("enrolled", change.enrolled), ("withdrawn", change.withdrawn)):
        if names:
            shown = ", ".join(names[:20]) + (f" … +{len(names) - 20}" if len(names) > 20 else "")
            typer.echo(f"  {title}: {len(names)} ({shown})")
