"""How long `banso publish` takes for a thousand documents, as one waits for it: all new, all unchanged, one changed.

`python -m tests.bench.publishing [COUNT]`; 1 where an aim is missed. The start of the command is in it, and shown by
itself too. What is waited for and what was computed are both shown: on a busy machine the first says little.
"""

from __future__ import annotations

import re
import resource
import sys
import tempfile
import time
from pathlib import Path

from portal.kit.paths import CHECKOUT
from tests.server import Server

AIMS = {"new": 60.0, "unchanged": 2.0, "one changed": 5.0}
IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
LINK = re.compile(r"\]\((?:manuals|tutorials|checklists)/[^)]*\)")


def library(root: Path, count: int) -> None:
    """`count` documents: the starter library over and over, with links that lead somewhere and no pictures."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((CHECKOUT / "content" / "manuals").glob("*.ja.md"))]
    shelf = root / "content" / "manuals"
    shelf.mkdir(parents=True)
    for number in range(count):
        text = LINK.sub(f"](manuals/d{(number + 1) % count})", texts[number % len(texts)])
        text = re.sub(r"^id: .*$", f"id: d{number}", text, count=1, flags=re.MULTILINE)
        text = re.sub(r"\]\(\./[^)]*\)", "](manuals/d0)", IMAGE.sub("", text))
        (shelf / f"d{number}.ja.md").write_text(text, encoding="utf-8")


def main() -> int:
    """Publish twice and say how long each took."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    missed = False
    with tempfile.TemporaryDirectory(prefix="banso-bench-") as home:
        library(Path(home) / "library", count)
        portal = Server(Path(home))
        portal.banso("migrate")
        took, computed, _ = _timed(portal, "--help")
        print(f"start of the command: {took:.1f} s ({computed:.1f} s computed)")  # noqa: T201 - a command
        root = Path(home) / "library"
        for name, aim in AIMS.items():
            if name == "one changed":
                with next(root.rglob("*.md")).open("a", encoding="utf-8") as file:
                    file.write("\nもう一言。\n")
            took, computed, said = _timed(portal, str(root))
            missed |= took > aim
            print(f"{name}: {took:.1f} s ({computed:.1f} s computed, aim {aim:.0f} s) - {said}")  # noqa: T201 - a command
    return int(missed)


def _timed(portal: Server, *words: str) -> tuple[float, float, str]:
    """Seconds waited, seconds computed, and the first line that was said."""
    before, begun = _computed(), time.monotonic()
    said = portal.banso("publish", *words).splitlines()
    return time.monotonic() - begun, _computed() - before, said[0]


def _computed() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
