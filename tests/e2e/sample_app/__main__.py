"""`python -m tests.e2e.sample_app --port 9000`; keys and the portal's address come from the environment.

`/?user=u1&account=acme` is a page of the product for somebody, an admin with `role=admin`; `scene=` changes what kind
of page it is:

- `hostile`: style sheets and scripts that take every liberty a page can take
- `expired`: a token that has run out, and a server that gives a fresh one
- `stale`: the same, and nobody to ask
- `embedded`: the element put into the page by hand
- `frames`: a page with the corner, around eight frames of the scene before, one of which (`nesting`) holds another
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey
from segment.analytics.client import Client

PORTAL = os.environ["PORTAL"]
PUBLIC_KEY = os.environ["PUBLIC_KEY"]
SIGNING_SECRET = os.environ["SIGNING_SECRET"]
PAGE = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
HOSTILE = (Path(__file__).parent / "hostile.html").read_text(encoding="utf-8")
EMBEDDED = "<banso-checklist embedded></banso-checklist>"
FRAME = '<iframe src="/?$who&amp;scene={scene}"></iframe>'
ELEMENTS = {
    "embedded": EMBEDDED,
    "nesting": EMBEDDED + FRAME.format(scene="embedded"),
    "frames": FRAME.format(scene="nesting") + 7 * FRAME.format(scene="embedded"),
}
segment = Client(os.environ["WRITE_KEY"], host=f"{PORTAL}/api", sync_mode=True)


def token(user: str, account: str, *, seconds: int, role: str = "member") -> str:
    """Who sits there, signed."""
    claims = {"sub": user, "account": account, "exp": int(time.time()) + seconds, "role": role}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SIGNING_SECRET.encode()))


def page(query: dict[str, str]) -> tuple[str, str]:
    """The page, and its policy."""
    nonce = secrets.token_urlsafe(16)
    scene = query.get("scene", "")
    user, account = query.get("user", "u1"), query.get("account", "acme")
    options = {
        "key": PUBLIC_KEY,
        "token": token(
            user,
            account,
            seconds=-60 if scene in ("expired", "stale") else 3600,
            role=query.get("role", "member"),
        ),
        "locale": query.get("lang"),
        "theme": query.get("theme"),
    }
    html = PAGE.substitute(
        nonce=nonce,
        portal=PORTAL,
        lang=query.get("lang", "ja"),
        scene=scene,
        options=json.dumps({name: value for name, value in options.items() if value}),
        asks=json.dumps("" if scene == "stale" else f"/token?user={user}&account={account}"),
        element=ELEMENTS.get(scene, "").replace("$who", f"user={user}&amp;account={account}"),
        extra=HOSTILE.replace("$nonce", nonce) if scene == "hostile" else "",
    )
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; connect-src {PORTAL} 'self'; style-src 'nonce-{nonce}';"
        " require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'; form-action 'self';"
        " frame-src 'self'"
    )
    return html, policy


class Product(BaseHTTPRequestHandler):
    """The product's server."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path == "/readyz":
            self._answer("ok", "text/plain")
        elif address.path == "/token":
            self._answer(token(query["user"], query["account"], seconds=3600), "text/plain")
        elif address.path in ("/", "/settings"):
            html, policy = page(query)
            self._answer(html, "text/html; charset=utf-8", {"Content-Security-Policy": policy})
        else:
            self._answer("nothing here", "text/plain", status=404)

    def do_POST(self) -> None:
        """`/did/{event}`: somebody did something, and the product tells of it as it always has."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        event = address.path.removeprefix("/did/")
        segment.track(query["user"], event, context={"groupId": query["account"]})
        self._answer("told", "text/plain")

    def log_message(self, *_: object) -> None:
        """Say nothing: the test that runs it looks at pages."""

    def _answer(self, body: str, kind: str, headers: dict[str, str] | None = None, status: int = 200) -> None:
        content = body.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Product).serve_forever()
