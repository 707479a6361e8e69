"""What went wrong with an IMAP server, in words of ours."""

import contextlib
import socket
import ssl
from collections.abc import Iterator

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from mailconsent.errors import MailboxRefused, MailboxUnavailable, MailconsentError

#: The first that fits.
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (ssl.SSLCertVerificationError, "certificate is not trusted: check the host name, or set SSL_CERT_FILE"),
    (socket.gaierror, "host name is not known"),
    (TimeoutError, "answer did not come in time"),
    (IMAPClientAbortError, "connection broke off"),
    (OSError, "connection broke off, or was refused"),
    # Whatever imaplib and imapclient trip over in an answer that they cannot read, an AttributeError at times.
    (Exception, "answer was a refusal, or not to be understood"),
)


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
        words = next(words for kind, words in _WORDS if isinstance(error, kind))
        raise MailboxUnavailable(f"The IMAP server's {words}.") from None
