"""The commands a newcomer is told to type, and the promise that what they install is pinned."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = [ROOT / "requirements.lock", ROOT / "requirements-dev.lock"]


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    bare = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=bare, capture_output=True, text=True, check=False)


def pins(lock: Path) -> dict[str, str]:
    """Each requirement of a lock file, its hashes with it."""
    blocks = re.split(r"\n(?=\S)", re.sub(r"(?m)^ *#.*\n", "", lock.read_text()))
    return {block.split()[0]: block.strip() for block in blocks if block.strip()}


@pytest.mark.parametrize("target", ["demo", "setup", "check", "dev", "bench", "test", "format", "lock"])
def test_make_alone_explains_each_command(target: str) -> None:
    said = make()
    assert said.returncode == 0
    assert re.search(rf"^  make {target} +\S", said.stdout, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_requirement_is_pinned_with_hashes(lock: Path) -> None:
    assert len(pins(lock)) > 20
    for name, block in pins(lock).items():
        assert re.match(r"^[\w.\[\]-]+==\S+", name), name
        assert "--hash=sha256:" in block, name


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_no_lock_names_a_host(lock: Path) -> None:
    assert "://" not in lock.read_text()


def test_tests_run_on_the_very_versions_that_users_get() -> None:
    assert pins(LOCKS[0]).items() <= pins(LOCKS[1]).items()


def test_the_one_thing_that_pip_fetches_is_in_the_lock() -> None:
    assert any(name.startswith("uv==") for name in pins(LOCKS[0]))


def test_an_old_python_is_refused_with_the_reason(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.9.2' && exit\nexit 1\n")
    old.chmod(0o755)
    said = make(f"VENV={tmp_path / 'venv'}", f"PYTHON={old}", "setup")
    assert said.returncode != 0
    assert "needs Python 3.11 or newer; found: Python 3.9.2" in said.stderr
    assert not (tmp_path / "venv").exists()


def test_continuous_integration_runs_what_a_person_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make check" in script.read_text()
