"""How to connect a product, to copy: a browser, Node, Python, curl. Secrets are read from the environment.

Only the public key is filled in, since every browser shows it anyway.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from portal.kit.i18n import Message

HIDDEN_KEY = "pk_…"


@dataclass(frozen=True)
class Snippet:
    """One way in. `language` is what it is written in, as its head says; `note` what to know about it."""

    key: str
    title: Message
    note: Message
    install: str
    code: str


def snippets(*, base_url: str, public_key: str) -> tuple[Snippet, ...]:
    """The ways in, for a portal at `base_url` (no slash at its end)."""
    quoted = json.dumps(base_url)
    return (
        Snippet(
            "curl",
            Message("Try it with curl"),
            Message("One event from a terminal. Send it twice: the second is told as a duplicate."),
            "export BANSO_WRITE_KEY=wk_…",
            f"""curl -u "$BANSO_WRITE_KEY:" {base_url}/api/v1/track \\
  -H "Content-Type: application/json" \\
  -d '{{"userId": "u-001", "event": "invoice.sent", "context": {{"groupId": "c-001"}}, "messageId": "test-1"}}'""",
        ),
        Snippet(
            "python",
            Message("Python, on your server"),
            Message("Segment's own library, pointed here. It sends in batches, so flush before a short program ends."),
            "pip install segment-analytics-python",
            f"""import os
import segment.analytics as analytics

analytics.write_key = os.environ["BANSO_WRITE_KEY"]
analytics.host = {json.dumps(base_url + "/api")}

analytics.group("u-001", "c-001", {{"name": "Aozora Shop Ltd.", "plan": "starter"}})
analytics.identify("u-001", {{"email": "tanaka@example.co.jp", "role": "admin"}}, context={{"groupId": "c-001"}})
analytics.track("u-001", "invoice.sent", {{"total": 12000}}, context={{"groupId": "c-001"}})
analytics.flush()""",
        ),
        Snippet(
            "node",
            Message("Node.js, on your server"),
            Message("Segment's own library, pointed here."),
            "npm install @segment/analytics-node",
            f"""import {{ Analytics }} from "@segment/analytics-node";

const analytics = new Analytics({{
  writeKey: process.env.BANSO_WRITE_KEY,
  host: {quoted},
  path: "/api/v1/batch",
}});

analytics.track({{
  userId: "u-001",
  event: "invoice.sent",
  properties: {{ total: 12000 }},
  context: {{ groupId: "c-001" }},
}});
await analytics.closeAndFlush();""",
        ),
        Snippet(
            "browser",
            Message("A browser"),
            Message(
                "Anybody can read this key in a page, so by itself it says that something happened and never to whom. "
                "A token signed by your server says who it is."
            ),
            "",
            f"""const key = {json.dumps(public_key, ensure_ascii=False)};
const visitor = (localStorage["banso-visitor"] ??= crypto.randomUUID());

export function track(event, properties = {{}}, token = "") {{
  return fetch({json.dumps(base_url + "/api/v1/track")}, {{
    method: "POST",
    keepalive: true,
    headers: {{ "Banso-Key": key, ...(token && {{ Authorization: `Bearer ${{token}}` }}) }},
    body: JSON.stringify({{ event, properties, anonymousId: visitor, messageId: crypto.randomUUID() }}),
  }});
}}""",
        ),
    )
