"""
The exceptions. They are for input that we refuse and surroundings that fail; verdicts (denied, unclassified, already
unsubscribed) are values. The docstring is the default message; no message ever holds an address, a token or a key.

    MailconsentError
    ├── Refused                 the caller must change something
    │   ├── InvalidAddress
    │   ├── InvalidDomain
    │   ├── InvalidToken
    │   │   └── TokenExpired
    │   ├── UnknownTopic
    │   ├── KeyRefused
    │   ├── IdempotencyMismatch
    │   └── UnderWay
    ├── ConfigError             the operator must change something; one line per fault
    │   └── SchemaError
    ├── StorageRefused          the database takes no such row: a fault of ours
    └── Unavailable             try again later
        ├── StorageUnavailable
        ├── KeyMissing
        ├── MailboxUnavailable
        │   ├── MailboxRefused
        │   └── FetchBroken
        ├── PostboxUnavailable
        │   └── PostboxRefused
        ├── LeaseLost
        └── ServiceUnavailable
"""

from collections.abc import Sequence


class MailconsentError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Refused(MailconsentError):
    """The request was refused."""


class InvalidAddress(Refused):
    """This is not an e-mail address."""


class InvalidDomain(Refused):
    """This is not a domain: write it as example.com. What is under it is covered too."""


class InvalidToken(Refused):
    """This link is not one of ours, or a part of it is missing."""


class TokenExpired(InvalidToken):
    """This link is too old: sign up again to get a new one."""


class UnknownTopic(Refused):
    """There is no such topic in the policy."""


class KeyRefused(Refused):
    """The API key is unknown, revoked, or lacks the scope this call needs."""


class IdempotencyMismatch(Refused):
    """This Idempotency-Key was used before with a different request."""


class UnderWay(Refused):
    """A request with this Idempotency-Key is under way: repeat it."""


class ConfigError(MailconsentError):
    """The configuration is not usable."""

    def __init__(self, *faults: str) -> None:
        #: One line per fault, each saying what to do.
        self.faults: Sequence[str] = faults or (type(self).__doc__ or "",)
        super().__init__("\n".join(self.faults))


class SchemaError(ConfigError):
    """The database is not migrated: run `mailconsent migrate`."""

    def __init__(self, *faults: str, empty: bool = False) -> None:
        super().__init__(*faults)
        #: There is nothing in it yet.
        self.empty = empty


class StorageRefused(MailconsentError):
    """The database takes no such row."""


class Unavailable(MailconsentError):
    """Not possible right now; try again later."""


class StorageUnavailable(Unavailable):
    """The database does not answer."""


class KeyMissing(Unavailable):
    """The database is under a newer key than this process has: give it the key."""


class MailboxUnavailable(Unavailable):
    """The IMAP server does not answer, or broke off."""


class MailboxRefused(MailboxUnavailable):
    """The IMAP server refused the login or the mailbox, or there is no access token for it."""


class FetchBroken(MailboxUnavailable):
    """The IMAP server's connection broke off over these messages."""

    def __init__(self, message: str, uids: Sequence[int]) -> None:
        super().__init__(message)
        #: The messages that were being fetched.
        self.uids = uids


class PostboxUnavailable(Unavailable):
    """The mail server does not answer, or broke off."""


class PostboxRefused(PostboxUnavailable):
    """The mail server does not let us in."""


class LeaseLost(Unavailable):
    """Another worker holds this mailbox now."""


class ServiceUnavailable(Unavailable):
    """mailconsent could not be asked, so there is no answer: do not send."""
