"""A portal that runs, asked for everything its OpenAPI offers: each answer is one that is described and none is a 500,
what fits the schema is taken, and what does not is refused.

All checks and all phases of schemathesis are on. What a schema cannot say is told beside it:
- years, addresses as people have them, what lies ahead or behind, and that each request has an `Idempotency-Key` of its
  own: `api_probes`;
- NUL is drawn nowhere: no database keeps it, and free-form `properties` and `traits` have no pattern to say so;
- 413 is a refusal too: so are a batch of more messages and a body of more bytes than fit answered.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.server import Server
from tests.vendor import FIRST_DAYS

EXAMPLES = int(os.environ.get("BANSO_TEST_API_EXAMPLES", "3"))
PROBES = Path(__file__).with_name("api_probes.py")
REFUSALS = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]
pytestmark = pytest.mark.api


def value(said: str, label: str) -> str:
    return next(line.partition(": ")[2] for line in said.splitlines() if line.startswith(f"{label}: "))


def test_every_answer_is_one_that_is_described(make_server: Callable[..., Server], tmp_path: Path) -> None:
    # Two processes leave the background work to a worker. There is none: whatever address is drawn, nobody is called.
    server = make_server(settings={"BANSO_OUTBOUND_ALLOW": "127.0.0.0/8"})
    server.banso("migrate")
    api_key = value(server.banso("key", "add", "probe", "--scope", "write"), "API key")
    source = server.banso("source", "add", "probe")
    (tmp_path / "content" / "checklists").mkdir(parents=True)
    checklist = tmp_path / "content" / "checklists" / "first-30-days.yml"
    checklist.write_text(yaml.safe_dump(FIRST_DAYS, allow_unicode=True))
    server.banso("publish", str(tmp_path), "--yes")
    server.start("--workers", "2")
    told = {"sub": "u-1024", "account": "acme-inc", "exp": int(time.time()) + 3600}
    signing = OctKey.import_key(value(source, "signing secret").encode())
    with httpx.Client(base_url=f"{server.url}/api/v1", headers={"authorization": f"Bearer {api_key}"}) as client:
        assert client.put("/accounts/acme-inc", json={"name": "Acme"}).status_code == 200
        assert client.put("/accounts/acme-inc/members/u-1024", json={"email": "a@acme.example"}).status_code == 200
        endpoint = client.post("/webhook-endpoints", json={"url": "https://hooks.example/banso"}).json()["id"]
    known = {"key": FIRST_DAYS["key"], "checklist": FIRST_DAYS["key"], "step": "logo", "endpoint": endpoint}
    config = tmp_path / "schemathesis.toml"
    config.write_text(
        f'hooks = "{PROBES}"\ncontinue-on-failure = true\n[generation]\nallow-x00 = false\n'
        f"[checks.negative_data_rejection]\nexpected-statuses = {REFUSALS}\n"
        f'[auth.openapi.ApiKey]\nbearer = "{api_key}"\n'
        f'[auth.openapi.SourceKey]\nusername = "{value(source, "write key")}"\npassword = ""\n'
        f'[auth.openapi.WidgetToken]\nbearer = "{jwt.encode({"alg": "HS256"}, told, signing)}"\n'
        f'[[operations]]\ninclude-tag = "widget"\nheaders = {{ Banso-Key = "{value(source, "public key")}" }}\n'
        "[parameters]\n" + "".join(f'"path.{name}" = "{one}"\n' for name, one in known.items())
    )
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    command += [f"{server.url}/api/openapi.json", "--url", f"{server.url}/api", "--no-color", "--seed", "1"]
    command += ["--checks", "all", "--phases", "examples,coverage,fuzzing,stateful"]
    command += ["--max-examples", str(EXAMPLES)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[:8000] + ran.stderr[-2000:]
    assert "Stateful" in ran.stdout
