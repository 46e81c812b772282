"""The server: granian, which answers built files without waking Python."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from granian import Granian
from granian.constants import HTTPModes, Interfaces

from portal.kit.paths import PACKAGE, bundled

YEAR_SECONDS = 31_536_000


def when_asked_to_stop(act: Callable[[], None]) -> None:
    """Call `act` in the running loop as soon as this process is asked to stop.

    The server first waits for every answer that is under way, and only then says that it stops: whoever keeps an answer
    open for minutes must know before. What the server itself does with the signal stays as it is: a loop hears of
    signals by its wake-up descriptor, beside the function that is set here.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()

    def chained(former: object) -> Callable[[int, FrameType | None], None]:
        def heard(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(act)
            if callable(former):
                former(number, frame)

        return heard

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, chained(signal.getsignal(number)))
        signal.siginterrupt(number, False)


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
