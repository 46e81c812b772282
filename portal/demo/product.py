"""The demo vendor's own product: a page on an origin of its own with the widget in it, put there as the manual says.

It stands for what a vendor has and Banso has not: pages under a strict policy, somebody signed in on them, and a server
that signs who that is. What its buttons do is told to Banso, and the checklist beside them ticks itself.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey

from portal.kit.i18n import LOCALES, Locale, Message, as_locale, preferred_locale

PAGE = Template((Path(__file__).parent / "product.html").read_text(encoding="utf-8"))
TOKEN_SECONDS = 3600
ACTS = (
    ("member.invited", Message("Invite a member")),
    ("project.created", Message("Create a project")),
    ("login", Message("Log in")),
    ("invoice.sent", Message("Send an invoice")),
)
TITLE = Message("Hikari Invoices (a sample product)")
LEAD = Message(
    "This page stands for your own product, on an address of its own. Open the checklist in the corner, and watch it"
    " while you press a button."
)
SAID = Message("Told to Banso:")


@dataclass(frozen=True)
class Seat:
    """Somebody of a customer, as the product knows them."""

    account: str
    company: str
    member: str
    name: str


@dataclass(frozen=True)
class Product:
    """What the product's server is given when it is set up: the portal's address, two keys of a source, its people."""

    portal: str
    public_key: str
    signing_secret: str
    seats: Sequence[Seat]

    def token(self, seat: Seat) -> str:
        """Who sits there, signed."""
        claims = {"sub": seat.member, "account": seat.account, "exp": int(time.time()) + TOKEN_SECONDS}
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(self.signing_secret.encode()))

    def page(self, number: int, locale: Locale) -> tuple[str, str]:
        """The page for one of its people, and the policy it is served under."""
        nonce = secrets.token_urlsafe(16)
        seat = self.seats[number]
        html = PAGE.substitute(
            nonce=nonce,
            lang=locale,
            portal=escape(self.portal),
            title=escape(TITLE.into(locale)),
            lead=escape(LEAD.into(locale)),
            who=escape(f"{seat.company} {seat.name}"),
            others="".join(self._ways(number, locale)),
            acts="".join(
                f'<button type="button" data-event="{event}">{escape(word.into(locale))}</button>'
                for event, word in ACTS
            ),
            told=escape(json.dumps(self._told(number, locale))),
        )
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}';"
            f" connect-src {self.portal} 'self'; img-src {self.portal};"
            " require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'"
        )
        return html, policy

    def _told(self, number: int, locale: Locale) -> dict[str, object]:
        options = {"key": self.public_key, "token": self.token(self.seats[number]), "locale": locale}
        return {"boot": options, "fresh": f"/token?as={number}", "said": SAID.into(locale)}

    def _ways(self, number: int, locale: Locale) -> Iterator[str]:
        """To the same page in the other language, and as somebody else."""
        for other, seat in enumerate(self.seats):
            if other != number:
                yield f'<a href="/?as={other}&amp;lang={locale}">{escape(f"{seat.company} {seat.name}")}</a>'
        for language, word in (("ja", "日本語"), ("en", "English")):
            if language != locale:
                yield f'<a href="/?as={number}&amp;lang={language}" lang="{language}">{word}</a>'


class ProductServer(ThreadingHTTPServer):
    """The product's server on loopback: at `port`, or where that is taken at any other."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError:
            super().__init__(("127.0.0.1", 0), _Handler)
        self.product: Product | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @contextmanager
    def serving(self, product: Product) -> Iterator[None]:
        """Serve `product` meanwhile."""
        self.product = product
        Thread(target=self.serve_forever, name="demo-product", daemon=True).start()
        try:
            yield
        finally:
            self.shutdown()
            self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, ProductServer)
        product = self.server.product
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        number = query.get("as", "0")
        if product is None or not number.isdecimal() or int(number) >= len(product.seats):
            self._answer("", "text/plain", status=404)
        elif address.path == "/":
            asked = preferred_locale(self.headers.get("Accept-Language", ""))
            locale = as_locale(query["lang"]) if query.get("lang") in LOCALES else asked
            html, policy = product.page(int(number), locale)
            self._answer(html, "text/html; charset=utf-8", policy=policy)
        elif address.path == "/token":
            self._answer(product.token(product.seats[int(number)]), "text/plain")
        else:
            self._answer("", "text/plain", status=404)

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal is the portal's."""

    def _answer(self, body: str, kind: str, *, status: int = 200, policy: str = "default-src 'none'") -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)
