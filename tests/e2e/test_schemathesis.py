"""A portal that runs, asked for everything its OpenAPI offers: each answer is one that is described and none is a 500,
what fits the schema is taken, and what does not is refused.

All checks and all phases of schemathesis are on. What a schema cannot say is told beside it:
- years, addresses as people have them, what lies ahead or behind, and that each request has an `Idempotency-Key` of its
  own: `api_probes`;
- NUL is drawn nowhere: no database keeps it, and free-form `properties` and `traits` have no pattern to say so;
- 413 is a refusal too: so are a batch of more messages and a body of more bytes than fit answered.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.library import document
from tests.server import Server
from tests.vendor import FIRST_DAYS

EXAMPLES = int(os.environ.get("BANSO_TEST_API_EXAMPLES", "3"))
PROBES = Path(__file__).with_name("api_probes.py")
REFUSALS = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]
pytestmark = pytest.mark.api


@dataclass(frozen=True)
class House:
    """A portal that runs: two customers, one of them with a document of its own, and every kind of key."""

    server: Server
    api_key: str
    source: str
    endpoint: str

    @property
    def write_key(self) -> str:
        return value(self.source, "write key")

    @property
    def public_key(self) -> str:
        return value(self.source, "public key")

    def token(self, member: str, account: str) -> str:
        """A widget token, as the vendor's server signs it."""
        told = {"sub": member, "account": account, "exp": int(time.time()) + 3600}
        return jwt.encode({"alg": "HS256"}, told, OctKey.import_key(value(self.source, "signing secret").encode()))

    def run(self, home: Path, told: str, *options: str) -> str:
        """What schemathesis says where it finds nothing."""
        config = home / "schemathesis.toml"
        config.write_text(f'hooks = "{PROBES}"\ncontinue-on-failure = true\n[generation]\nallow-x00 = false\n{told}')
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
        command += [f"{self.server.url}/api/openapi.json", "--url", f"{self.server.url}/api", "--no-color"]
        ran = subprocess.run([*command, "--seed", "1", *options], cwd=home, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout[:8000] + ran.stderr[-2000:]
        return ran.stdout


@pytest.fixture
def house(make_server: Callable[..., Server], tmp_path: Path) -> House:
    # Two processes leave the background work to a worker. There is none: whatever address is drawn, nobody is called.
    server = make_server(settings={"BANSO_OUTBOUND_ALLOW": "127.0.0.0/8"})
    server.banso("migrate")
    api_key = value(server.banso("key", "add", "probe", "--scope", "write"), "API key")
    source = server.banso("source", "add", "probe")
    checklists, manuals = tmp_path / "content" / "checklists", tmp_path / "content" / "manuals"
    checklists.mkdir(parents=True)
    manuals.mkdir()
    (checklists / "first-30-days.yml").write_text(yaml.safe_dump(FIRST_DAYS, allow_unicode=True))
    (manuals / "ours.ja.md").write_text(document("ours", audience="{plan: [pro]}", order=1))
    (manuals / "everyone.ja.md").write_text(document("everyone", order=2))
    server.banso("publish", str(tmp_path), "--yes")
    server.start("--workers", "2")
    with httpx.Client(base_url=f"{server.url}/api/v1", headers={"authorization": f"Bearer {api_key}"}) as client:
        assert client.put("/accounts/acme-inc", json={"name": "Acme", "plan": "pro"}).status_code == 200
        assert client.put("/accounts/acme-inc/members/u-1024", json={"email": "a@acme.example"}).status_code == 200
        assert client.put("/accounts/other-inc", json={"name": "Other", "plan": "starter"}).status_code == 200
        assert client.put("/accounts/other-inc/members/u-1", json={"email": "b@other.example"}).status_code == 200
        endpoint = client.post("/webhook-endpoints", json={"url": "https://hooks.example/banso"}).json()["id"]
    return House(server, api_key, source, endpoint)


def value(said: str, label: str) -> str:
    return next(line.partition(": ")[2] for line in said.splitlines() if line.startswith(f"{label}: "))


def test_every_answer_is_one_that_is_described(house: House, tmp_path: Path) -> None:
    known = {"key": FIRST_DAYS["key"], "checklist": FIRST_DAYS["key"], "step": "logo", "endpoint": house.endpoint}
    said = house.run(
        tmp_path,
        f"[checks.negative_data_rejection]\nexpected-statuses = {REFUSALS}\n"
        f'[auth.openapi.ApiKey]\nbearer = "{house.api_key}"\n'
        f'[auth.openapi.SourceKey]\nusername = "{house.write_key}"\npassword = ""\n'
        f'[auth.openapi.WidgetToken]\nbearer = "{house.token("u-1024", "acme-inc")}"\n'
        f'[[operations]]\ninclude-tag = "widget"\nheaders = {{ Banso-Key = "{house.public_key}" }}\n'
        "[parameters]\n" + "".join(f'"path.{name}" = "{one}"\n' for name, one in known.items()),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(EXAMPLES)),
    )
    assert "Stateful" in said


def test_nobody_reads_what_is_of_another_customer(house: House, tmp_path: Path) -> None:
    """Two members of two customers as peers: what the one finds and the other does not, the other cannot read."""
    people = {"ours": ("u-1024", "acme-inc"), "theirs": ("u-1", "other-inc")}
    entries = [
        {
            "name": name,
            "fixedHeaders": [
                {"name": "Authorization", "value": f"Bearer {house.token(*person)}"},
                {"name": "Banso-Key", "value": house.public_key},
            ],
        }
        for name, person in people.items()
    ]
    (tmp_path / "peers.json").write_text(json.dumps({"auth": entries}))
    told = f'[auth.wfc]\npath = "{tmp_path / "peers.json"}"\npeers = {json.dumps(list(people))}\n'
    options = ("--checks", "object_level_authorization", "--include-path-regex", "/widget/documents", "--max-examples")
    house.run(tmp_path, told, *options, "50")
