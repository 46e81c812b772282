"""A portal that runs, asked for everything its OpenAPI offers: each answer is one that is described, and none is a 500.

Two of schemathesis' checks are left out. Readers take more than the schema says on purpose (a number where text is
meant, blank for "clear it", and all that the tracking dialect bears with), and what a schema cannot say (that a cursor
was given out, that `reason` has words in it) is refused with 422; what is taken and refused has tests of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.server import Server

EXAMPLES = int(os.environ.get("BANSO_TEST_API_EXAMPLES", "3"))
LEFT_OUT = "positive_data_acceptance,negative_data_rejection"
pytestmark = pytest.mark.api


def value(said: str, label: str) -> str:
    return next(line.partition(": ")[2] for line in said.splitlines() if line.startswith(f"{label}: "))


def test_every_answer_is_one_that_is_described(make_server: Callable[..., Server], tmp_path: Path) -> None:
    server = make_server()
    server.banso("migrate")
    api_key = value(server.banso("key", "add", "probe", "--scope", "write"), "API key")
    write_key = value(server.banso("source", "add", "probe"), "write key")
    server.start()
    with httpx.Client(base_url=f"{server.url}/api/v1", headers={"authorization": f"Bearer {api_key}"}) as client:
        assert client.put("/accounts/acme-inc", json={"name": "Acme"}).status_code == 200
        assert client.put("/accounts/acme-inc/members/u-1024", json={"email": "a@acme.example"}).status_code == 200
    config = tmp_path / "schemathesis.toml"
    config.write_text(
        f'continue-on-failure = true\n[auth.openapi.ApiKey]\nbearer = "{api_key}"\n'
        f'[auth.openapi.SourceKey]\nusername = "{write_key}"\npassword = ""\n'
    )
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    command += [f"{server.url}/api/openapi.json", "--url", f"{server.url}/api", "--no-color", "--seed", "1"]
    command += ["--checks", "all", "--exclude-checks", LEFT_OUT, "--phases", "examples,fuzzing,stateful"]
    command += ["--max-examples", str(EXAMPLES), "--max-time", str(10 * EXAMPLES)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[:8000] + ran.stderr[-2000:]
    assert "Stateful" in ran.stdout
