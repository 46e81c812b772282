"""Commands about the library beside publishing it. They are given what they share with all others: see `portal.cli`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from sqlmodel import Session

from portal.kit.files import FileProblems
from portal.kit.i18n import LOCALES, Message
from portal.kit.later import later

if TYPE_CHECKING:
    from portal.media import packed
    from portal.segments import files as segment_files
    from portal.segments import service as segments
    from portal.studio import export as files
    from portal.studio import rules
    from portal.studio.moving import arrival, tree
else:
    packed = later("portal.media.packed")
    segment_files, segments = later("portal.segments.files"), later("portal.segments.service")
    files, rules = later("portal.studio.export"), later("portal.studio.rules")
    arrival, tree = later("portal.studio.moving.arrival"), later("portal.studio.moving.tree")


def register(
    app: typer.Typer,
    *,
    importing: typer.Typer,
    load: Callable[[], Any],
    told: Callable[[Any], AbstractContextManager[None]],
    read: Callable[[Any, Callable[[Session], Any]], Any],
    write: Callable[[Any, Callable[[Session], Any]], Any],
    now: Callable[[], datetime],
) -> None:
    """Add the commands to `app`, and that of moving in to `importing`."""

    @app.command()
    def export(
        folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where content/ is, or is to be.")] = Path(),
    ) -> None:
        """Write the library back as files below DIR/content."""
        settings = load()
        with told(settings):
            root = folder.resolve()
            texts = read(settings, files.everything)
            said = read(settings, segments.exported)
            done = files.write(root, {**texts, **({segment_files.FILE: said} if said else {})})
            written = read(settings, lambda session: packed.write_media(session, root, files.media_shown(session)))
            for old, new in done.moved:
                typer.echo(f"moved: {old} -> {new}")
            for name in done.changed:
                typer.echo(f"written: {name}")
            for name in written:
                typer.echo(f"written: {name}")
            typer.echo(f"files: {len(done.files)}, {len(done.changed)} written, {len(done.moved)} moved")

    @importing.command("library")
    def import_library(
        folder: Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, readable=True)],
        language: Annotated[str, typer.Option(help="Of pages that do not say theirs: ja or en.")] = "",
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    ) -> None:
        """Import a folder of markdown (MkDocs, Docusaurus or plain) as drafts: all of it or nothing."""
        settings = load()
        with told(settings):
            locale = next((one for one in LOCALES if one == language), settings.locale)
            brought = arrival.unpack(
                tree.read_tree(folder.resolve(), locale=locale), most=settings.upload_mb * 1_000_000
            )
            for note in brought.notes:
                typer.echo(note.into(settings.locale))
            if dry_run:
                problems = read(settings, lambda session: arrival.check(session, brought))
                if problems:
                    raise FileProblems(problems)
                typer.echo(Message("Nothing was changed: this was a dry run.").into(settings.locale))
            else:
                person = rules.Person(0, arrival.BY, "owner")
                write(
                    settings,
                    lambda session: arrival.bring_in(
                        session, brought, source=folder.resolve().name, person=person, now=now()
                    ),
                )
            for name, number in arrival.counts(brought):
                typer.echo(f"{name}: {number}")
