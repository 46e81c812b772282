"""A folder that comes as a ZIP: laid out on disk for as long as it is looked at, within limits and nowhere else."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from portal.kit.errors import Invalid, TooLarge
from portal.kit.i18n import Message

MOST_ENTRIES: Final = 20_000
MOST_UNPACKED: Final = 500_000_000
LONGEST_NAME: Final = 400
BLOCK: Final = 1_000_000


@contextmanager
def unpacked(file: BinaryIO) -> Iterator[Path]:
    """The folder in `file`, gone afterwards; where all of it lies in one folder, that one.

    Raises `Invalid` for what is no ZIP or names places outside, `TooLarge` over a limit: what a ZIP says of its sizes
    is not believed.
    """
    with tempfile.TemporaryDirectory(prefix="banso-moving-") as home:
        root = Path(home)
        try:
            with zipfile.ZipFile(file) as archive:
                _lay_out(archive, root)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, EOFError, OSError) as error:
            raise Invalid(Message("This is no ZIP file that can be read.")) from error
        inside = [path for path in root.iterdir() if path.name != "__MACOSX"]
        yield inside[0] if len(inside) == 1 and inside[0].is_dir() and inside[0].name != "docs" else root


def _lay_out(archive: zipfile.ZipFile, root: Path) -> None:
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise TooLarge(Message("This ZIP holds more than %(most)s files.", most=f"{MOST_ENTRIES:,}"))
    left = MOST_UNPACKED
    for entry in entries:
        if entry.is_dir():
            continue
        name = PurePosixPath(entry.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or ":" in entry.filename or len(entry.filename) > LONGEST_NAME:
            raise Invalid(Message("This ZIP names a place outside itself: “%(name)s”", name=entry.filename[:200]))
        where = root / name
        where.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as packed, where.open("wb") as written:
            while block := packed.read(BLOCK):
                left -= len(block)
                if left < 0:
                    most = MOST_UNPACKED // 1_000_000
                    raise TooLarge(Message("Unpacked, this ZIP is larger than %(most)s MB.", most=most))
                written.write(block)
    shutil.rmtree(root / "__MACOSX", ignore_errors=True)
