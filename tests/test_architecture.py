"""The plan of the house, held: which room may import which, and what a file of each kind may contain.

Imports are judged by import-linter (`.importlinter` has the contracts), the rest by reading the syntax trees.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTRACTS = ROOT / ".importlinter"
SOURCES = sorted(path for folder in ("portal", "api") for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST = 400
COMMITTERS = {"portal/kit/sqlite.py", "portal/kit/postgres.py", "portal/kit/migrations.py"}
ROUTES = {"get", "post", "put", "patch", "delete", "head", "options", "api_route"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- Imports ----------------------------------------------------------------------------------------------------------


def lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    """Judge the `portal` and `api` that lie in `directory`."""
    command: list[str | Path] = [Path(sys.executable).with_name("lint-imports"), "--config", CONTRACTS, "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(directory), "COLUMNS": "200"}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


def test_imports_keep_to_the_plan() -> None:
    judged = lint_imports(ROOT)
    assert judged.returncode == 0, judged.stdout + judged.stderr


@pytest.fixture(scope="module")
def copied_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("house")
    for path in SOURCES:
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return copy


@pytest.mark.parametrize(
    ("module", "statement", "broken"),
    [
        ("portal/kit/clock.py", "import portal.accounts", "lower floors"),
        ("portal/events/models.py", "import portal.conditions", "lower floors"),
        ("portal/desk/__init__.py", "import portal.jobs", "lower floors"),
        ("portal/elsewhere.py", "", "lower floors"),
        ("portal/insights/__init__.py", "import api.v1", "nothing in the house leads back"),
        ("api/__init__.py", "import portal.main", "composition root"),
        ("portal/accounts/__init__.py", "import portal.settings", "Settings are read"),
        ("portal/conditions/rules.py", "import sqlmodel", "Rules are pure"),
        ("portal/kit/files.py", "import portal.kit.db", "Rules are pure"),
        ("portal/content/models.py", "import fastapi", "knows nothing of the web"),
    ],
)
def test_an_import_against_the_plan_is_found(copied_house: Path, module: str, statement: str, broken: str) -> None:
    path = copied_house / module
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{statement}\n")
    try:
        judged = lint_imports(copied_house)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
    assert judged.returncode != 0
    assert any(broken in line and "BROKEN" in line for line in judged.stdout.splitlines()), judged.stdout


# --- What files contain -----------------------------------------------------------------------------------------------


def faults(path: str, source: str) -> Iterator[str]:
    """What in this file goes against the house rules; `path` is relative to the project's root."""
    tree = ast.parse(source)
    if not ast.get_docstring(tree) and not Path(path).name.startswith("test_"):  # the names of tests speak for them
        yield "says nothing of what it is for: a module begins with a docstring"
    if path.startswith(("portal/", "api/")):
        yield from _faults_of_a_product_file(path, source, tree)


def _faults_of_a_product_file(path: str, source: str, tree: ast.Module) -> Iterator[str]:
    if (lines := len(source.splitlines())) > LONGEST:
        yield f"has {lines} lines: split it by behaviour"
    imports = {name for node in ast.walk(tree) for name in _imported(node)}
    if any(name.split(".")[0] == "tests" for name in imports):
        yield "imports tests"
    has_tables = any(isinstance(node, ast.ClassDef) and _is_table(node) for node in ast.walk(tree))
    if has_tables and "__future__.annotations" in imports:
        yield "has tables, whose relationships break under `from __future__ import annotations`"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "commit" and path not in COMMITTERS:
                yield f"commits in line {node.lineno}: the unit of work that called it does"
        elif isinstance(node, ast.FunctionDef) and any(map(_is_route, node.decorator_list)):
            yield f"{node.name} in line {node.lineno} is a route without `async`, which costs half the throughput"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _is_table(node: ast.ClassDef) -> bool:
    return any(
        keyword.arg == "table" and isinstance(keyword.value, ast.Constant) and keyword.value.value is True
        for keyword in node.keywords
    )


def _is_route(decorator: ast.expr) -> bool:
    """`@router.get("/…")` and its like, on whatever name a router has."""
    return (
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr in ROUTES
        and isinstance(decorator.func.value, ast.Name)
        and bool(decorator.args)
    )


@pytest.mark.parametrize(
    "path", [*SOURCES, *TESTS, ROOT / "hatch_build.py", ROOT / "migrations" / "env.py"], ids=name_of
)
def test_a_file_keeps_the_house_rules(path: Path) -> None:
    assert list(faults(name_of(path), path.read_text())) == []


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("tests/factories.py", "x = 1", "says nothing"),
        ("portal/any/rules.py", '"""Doc."""\n' + "x = 1\n" * LONGEST, "401 lines"),
        ("portal/any/service.py", '"""Doc."""\nfrom tests.postgres import Cluster', "imports tests"),
        ("portal/any/service.py", '"""Doc."""\nimport tests', "imports tests"),
        ("portal/any/service.py", '"""Doc."""\ndef enroll(session):\n    session.commit()', "commits in line 3"),
        (
            "api/v1/any.py",
            '"""Doc."""\n@router.get("/x")\ndef show(): ...',
            "show in line 3 is a route without `async`",
        ),
        (
            "portal/any/models.py",
            '"""Doc."""\nfrom __future__ import annotations\nclass Step(Row, table=True): ...',
            "has tables",
        ),
    ],
)
def test_a_fault_is_found(path: str, source: str, fault: str) -> None:
    assert any(fault in found for found in faults(path, source))
