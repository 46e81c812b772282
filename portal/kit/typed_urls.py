"""Addresses to call that somebody typed in: what is wrong with one, as far as it shows before it is called.

Whether it may be called at all is judged at the socket (`outbound`); here is what a form can say at once.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from portal.kit.addresses import Policy
from portal.kit.errors import FieldProblem
from portal.kit.i18n import Message

LONGEST_URL = 2000


def url_problems(url: str, policy: Policy) -> list[FieldProblem]:
    """What is wrong with an address to call, as far as it can be known without asking a name server."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return [_problem("not_a_url", Message("this is no address of the web"))]
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or any(mark in url for mark in " \t\r\n"):
        return [_problem("not_a_url", Message("this must be an address like https://example.com/hooks"))]
    if len(url) > LONGEST_URL:
        return [_problem("too_long", Message("this may have 2,000 characters at most"))]
    if parts.username or parts.password:
        return [_problem("credentials", Message("put a password into a header: an address is shown and logged"))]
    if host.replace(".", "").isdigit() or ":" in host:
        why = policy.refusal(host, port or (443 if parts.scheme == "https" else 80))
        if why is not None:
            message = Message("this address may not be called; whoever runs the portal can allow it")
            return [_problem("not_allowed", message)]
    return []


def _problem(code: str, message: Message) -> FieldProblem:
    return FieldProblem("url", code, message)
