"""What went wrong with an IMAP server, in words of ours."""

import contextlib
from collections.abc import Iterator

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from mailconsent.errors import MailboxRefused, MailboxUnavailable, MailconsentError
from mailconsent.server_faults import fault_in_words

_KINDS = ((IMAPClientAbortError, "connection broke off"),)


@contextlib.contextmanager
def plain_words(*, refused: str | None = None) -> Iterator[None]:
    """Raise our exceptions for theirs, without the cause: its text quotes the server, which quotes addresses."""
    try:
        yield
    except MailconsentError:
        raise
    except Exception as error:  # noqa: BLE001 - else one server that talks nonsense ends the worker of all mailboxes
        if refused and isinstance(error, IMAPClientError) and not isinstance(error, IMAPClientAbortError):
            raise MailboxRefused(f"The IMAP server {refused}.") from None
        raise MailboxUnavailable(f"The IMAP server's {fault_in_words(_KINDS, error)}.") from None
