"""The server: granian, which answers built files without waking Python."""

from __future__ import annotations

from pathlib import Path

from granian import Granian
from granian.constants import HTTPModes, Interfaces

from portal.kit.paths import PACKAGE, bundled

YEAR_SECONDS = 31_536_000


def serve(target: str, *, host: str, port: int, workers: int, reload: bool = False) -> None:
    """Serve the application that `target` (`module:factory`) makes, until told to stop."""
    static = bundled("static", "dist")
    Granian(
        target,
        factory=True,
        address=host,
        port=port,
        workers=workers,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=20,
        static_path_route=["/static"] if static.is_dir() else None,
        static_path_mount=[Path(static)] if static.is_dir() else None,
        static_path_expires=YEAR_SECONDS,
        reload=reload,
        reload_paths=[PACKAGE, PACKAGE.parent / "api"] if reload else None,
    ).serve()
