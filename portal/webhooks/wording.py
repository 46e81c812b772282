"""Why an attempt got no answer, for whoever reads the log. What the connection itself said stands beside it in its own
words, which developers look up."""

from __future__ import annotations

from collections.abc import Mapping

from portal.kit.i18n import Message

REASONS: Mapping[str, Message] = {
    "may not be called": Message("This address may not be called: whoever runs the portal has to allow it."),
    "is not found": Message("No server is known by this name. Look at how the address is spelled."),
    "CERTIFICATE": Message("The certificate of the endpoint is not to be trusted."),
    "SSL": Message("No encrypted connection came about."),
    "no answer within": Message("The endpoint took too long to answer."),
    "ConnectTimeout": Message("Nobody answered at this address in time."),
    "ConnectError": Message("Nobody takes calls at this address. Is the service running?"),
    "Server disconnected": Message("The endpoint hung up before it had answered."),
    "ReadError": Message("The endpoint hung up before it had answered."),
    "WriteError": Message("The endpoint hung up before it had read the message."),
    "RemoteProtocolError": Message("What the endpoint answered is no HTTP."),
}
"""What stands in the error, the first of them that does: what it means."""
OTHERWISE = Message("No answer came.")


def in_words(error: str) -> Message:
    """What an error of `kit.outbound`, as it stands in the log, means."""
    return next((said for part, said in REASONS.items() if part in error), OTHERWISE)
