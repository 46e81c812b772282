"""Why an attempt got no answer: from what the connection said to a sentence."""

from __future__ import annotations

import pytest

from portal.webhooks.wording import OTHERWISE, REASONS, in_words


@pytest.mark.parametrize(
    ("error", "means"),
    [
        ("10.0.0.1 may not be called: not a public address", "may not be called"),
        ("ConnectError: ssl.example is not found: [Errno -2] Name or service not known", "is not found"),
        ("ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "CERTIFICATE"),
        ("ConnectError: [SSL: WRONG_VERSION_NUMBER] wrong version number", "SSL"),
        ("no answer within 15 seconds", "no answer within"),
        ("ConnectTimeout: ", "ConnectTimeout"),
        ("ConnectError: All connection attempts failed", "ConnectError"),
        ("RemoteProtocolError: Server disconnected without sending a response.", "ReadError"),
        ("RemoteProtocolError: illegal status line", "RemoteProtocolError"),
    ],
)
def test_an_error_is_said_in_words(error: str, means: str) -> None:
    assert in_words(error) == REASONS[means]


def test_what_nobody_has_heard_of_is_no_answer() -> None:
    assert in_words("PoolTimeout") == OTHERWISE
