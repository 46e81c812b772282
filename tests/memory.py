"""Temporary files of the tests in memory, where the system has room there.

Every test has databases of its own, and each is some hundred small files that a disk is waited for: copying the schema
takes PostgreSQL 0.7 s on a disk and 0.04 s in memory (measured). What a killed process had written is still there, so
tests that kill are as strict as before.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
ENOUGH = 4_000_000_000
"""Bytes. In containers it is often 64 MB, which is not."""


def use_memory() -> None:
    """Let temporary files of this process and all it starts lie in memory, unless `TMPDIR` names a place."""
    if "TMPDIR" in os.environ or not _is_usable(SHARED_MEMORY):
        return
    os.environ["TMPDIR"] = str(SHARED_MEMORY)
    tempfile.tempdir = None


def _is_usable(place: Path) -> bool:
    """Whether there is room, for programs too: tests start some from there."""
    if not place.is_dir() or not os.access(place, os.W_OK):
        return False
    return not os.statvfs(place).f_flag & os.ST_NOEXEC and shutil.disk_usage(place).free >= ENOUGH
