"""Commands about the library beside publishing it. They are given what they share with all others: see `portal.cli`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from portal.studio import export as files


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
            texts = read(settings, files.everything)
            done = files.write(folder.resolve(), texts)
            for old, new in done.moved:
                typer.echo(f"moved: {old} -> {new}")
            for name in done.changed:
                typer.echo(f"written: {name}")
            typer.echo(f"files: {len(done.files)}, {len(done.changed)} written, {len(done.moved)} moved")
