"""`make bench`: how fast the portal is, each figure beside what the same server could do at most on this machine.

The real `banso serve` runs in a process of its own on SQLite (`--postgres`: on a PostgreSQL of its own, with every
promise about crashes kept). Next to it runs a bare application under the same server with the same settings: it answers
the same bytes from memory, or inserts the same rows and does nothing else. A third process sends, on loopback, in a
closed loop and bounded. Both servers are measured in turns within each round; the first round warms up; medians are
quoted. So a slow or busy machine lowers both numbers, and the ratio still says how much the portal itself costs.

`make bench ARGS="--quick --only track,batch"` · `make bench ARGS="--flat"`: see `flat`
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.ceiling import Ceiling
from tests.bench.deliveries import delivery_figures
from tests.bench.figures import (
    PAGES,
    Bench,
    Figure,
    batch_figure,
    fetch_bodies,
    page_figure,
    rate_figures,
    track_figure,
)
from tests.bench.flat import FEW, MANY, fill, flat_figures
from tests.bench.lists import list_figures
from tests.bench.load import loader
from tests.bench.mails import mail_figures
from tests.bench.scripts import script_figures
from tests.bench.search import SIZES, search_figures
from tests.bench.seed import furnish
from tests.bench.widget import furnish_product, state_figures, stream_figures
from tests.postgres import Cluster, Databases
from tests.server import Server

EVENTS = {"track": track_figure, "batch": batch_figure}
ALONE = ("rate", "lists", "deliveries", "mails", "search", "widget", "streams", "scripts")
"""What is measured on a server of its own."""
NAMES = (*(page.key for page in PAGES), *EVENTS, *ALONE)


def main() -> int:
    """Measure what is asked for and print one table; 1 where an aim was missed."""
    wanted = _arguments()
    figures = measure(wanted)
    console = Console(width=None if sys.stdout.isatty() else 170)
    console.print(_table(figures, on="PostgreSQL" if wanted.postgres else "SQLite"))
    return int(any(figure.ok is False for figure in figures))


def measure(wanted: argparse.Namespace) -> list[Figure]:
    """The figures, in the order of the table."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="banso-bench-")))
        databases = _postgres(stack) if wanted.postgres else None
        load = stack.enter_context(loader())

        def server(name: str) -> Server:
            (home / name).mkdir()
            made = Server(home / name, database_url=databases.create() if databases else "")
            stack.push(lambda _kind, error, _trace: _last_words(made, error))
            return made

        figures: list[Figure] = []
        if wanted.flat:
            few, many = server("few"), server("many")
            vendors = [furnish(few), furnish(many)]
            for one, count in ((few, FEW), (many, MANY)):
                one.stop()
                _tell(f"storing {count:,} events")
                fill(one, count)
                one.start()
            bench = Bench(load, wanted.rounds, wanted.seconds, many, few, vendors[1], is_sqlite=not databases)
            return [_said(figure) for figure in flat_figures(bench, vendors[0])]
        if set(wanted.only) - set(ALONE):
            portal = server("portal")
            vendor = furnish(portal)
            ceiling = Ceiling(home / "ceiling", database_url=databases.create() if databases else "")
            stack.callback(ceiling.stop)
            pages = [page for page in PAGES if page.key in wanted.only]
            fetch_bodies(portal, ceiling, vendor, pages)
            ceiling.launch()
            ceiling.wait()
            bench = Bench(load, wanted.rounds, wanted.seconds, portal, ceiling, vendor, is_sqlite=not databases)
            figures += [_said(page_figure(bench, page)) for page in pages]
            figures += [_said(figure(bench)) for name, figure in EVENTS.items() if name in wanted.only]
            portal.stop()
            ceiling.stop()
        if "rate" in wanted.only:
            found = rate_figures(load, server("reports"), rounds=wanted.rounds, size=wanted.accounts)
            figures += [_said(figure) for figure in found]
        if "lists" in wanted.only:
            listed = list_figures(server("lists"), accounts=wanted.accounts)
            figures += [_said(figure) for figure in listed]
        if "deliveries" in wanted.only:
            figures += [_said(figure) for figure in delivery_figures(server("deliveries"))]
        if "mails" in wanted.only:
            figures += [_said(figure) for figure in mail_figures(server("mails"), accounts=wanted.accounts)]
        if "search" in wanted.only:
            sizes = sorted(SIZES)[: 1 if wanted.quick else None]
            searching = search_figures(
                load, server("search"), rounds=wanted.rounds, seconds=wanted.seconds, sizes=sizes
            )
            figures += [_said(figure) for figure in searching]
        if {"widget", "streams"} & set(wanted.only):
            product = furnish_product(server("product"))
            if "widget" in wanted.only:
                figures += [_said(one) for one in state_figures(load, product, seconds=wanted.seconds)]
            if "streams" in wanted.only:
                figures += [_said(one) for one in stream_figures(product, seconds=10 * wanted.seconds)]
        if "scripts" in wanted.only:
            figures += [_said(one) for one in script_figures(rounds=wanted.rounds)]
    return figures


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Speed, each figure beside its ceiling.")
    parser.add_argument("--only", type=_names, default=NAMES, help=f"some of: {','.join(NAMES)}")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=5, help="each of which measures portal and ceiling once")
    parser.add_argument("--accounts", type=int, default=100_000, help="enrolled, for the completion rate")
    parser.add_argument("--flat", action="store_true", help=f"instead: with {FEW:,} events stored, and with {MANY:,}")
    parser.add_argument("--quick", action="store_true", help="two rounds of a second: a first impression")
    wanted = parser.parse_args()
    if wanted.quick:
        wanted.seconds, wanted.rounds = 1.0, 2
    return wanted


def _names(given: str) -> Sequence[str]:
    names = given.split(",")
    for name in names:
        if name not in NAMES:
            raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(NAMES)}")
    return names


def _postgres(stack: ExitStack) -> Databases:
    cluster = Cluster(durable=True)
    stack.callback(cluster.stop)
    return stack.enter_context(closing(Databases(cluster.start().url())))


def _last_words(server: Server, error: BaseException | None) -> None:
    server.stop()
    if error is not None:
        print(server.log.read_text(errors="replace")[-4000:], file=sys.stderr)  # noqa: T201 - a command of its own


def _said(figure: Figure) -> Figure:
    """Tell that it goes on: all of it takes minutes."""
    _tell(f"{figure.name}: {figure.measured}")
    return figure


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command of its own


def _table(figures: Sequence[Figure], *, on: str) -> Table:
    table = Table(title=f"{on}, {os.cpu_count()} cores", title_justify="left", box=box.SIMPLE)
    for name in ("figure", "measured", "ceiling", "ratio", "aim", ""):
        table.add_column(name, justify="right" if name == "ratio" else "left")
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        verdict = {True: "ok", False: "short", None: ""}[figure.ok]
        table.add_row(figure.name, figure.measured, figure.ceiling, ratio, figure.aim, verdict)
    return table


if __name__ == "__main__":
    sys.exit(main())
