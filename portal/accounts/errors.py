"""What can go wrong with accounts and people, each with its HTTP status."""

from __future__ import annotations

from portal.kit.errors import BansoError, Conflict, Invalid
from portal.kit.i18n import Message


class AddressTaken(Conflict):
    """A mail address belongs to one member of an account; another cannot have it too."""

    code = "email_taken"

    def __init__(self, address: str) -> None:
        super().__init__(
            Message("The address %(address)s already belongs to another member of this customer.", address=address)
        )


class NameTaken(Conflict):
    """A key with that name exists."""

    code = "name_taken"


class KeyReused(Invalid):
    """An `Idempotency-Key` stands for one request; this is another one."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(Message("This Idempotency-Key was used for another request. Give each request its own."))


class AnswerLost(Conflict):
    """What was asked for under an `Idempotency-Key` was done, but the answer was kept under a secret key that is gone.

    Doing it again would break the promise that it is done once.
    """

    code = "idempotency_answer_lost"

    def __init__(self) -> None:
        super().__init__(
            Message(
                "This was done already, but its answer can no longer be read: the secret key was changed since. "
                "Look at what is there, and use a new Idempotency-Key."
            )
        )


class NobodyThere(BansoError):
    """Nobody who may sign in has that address. Said on the command line only, never on a page."""

    status = 404
    code = "nobody_there"

    def __init__(self, address: str) -> None:
        super().__init__(Message("Nobody who may sign in has the address %(address)s.", address=address))


class Nameless(Invalid):
    """A member needs an external id or a mail address."""

    code = "no_identity"

    def __init__(self) -> None:
        super().__init__(Message("A member needs an external id or a mail address."))


class LastOwner(Conflict):
    """An installation without an owner could give nobody rights any more."""

    code = "last_owner"

    def __init__(self) -> None:
        super().__init__(Message("This is the only administrator. Make somebody else one first."))


class CannotInvite(Invalid):
    """Nobody can be invited who has no address, has left, or whose address is not one the customer allows."""

    code = "cannot_invite"
