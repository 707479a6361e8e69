"""What went wrong between us and a mail server, in words of ours: a library's own text quotes the server's."""

import socket
import ssl
from collections.abc import Iterable

Kinds = Iterable[tuple[type[BaseException], str]]

#: These tell more than what a protocol's library makes of them.
_OF_THE_WAY: Kinds = (
    (ssl.SSLCertVerificationError, "certificate is not trusted: check the host name, or set SSL_CERT_FILE"),
    (socket.gaierror, "host name is not known"),
    (TimeoutError, "answer did not come in time"),
)
_LAST: Kinds = (
    (OSError, "connection broke off, or was refused"),
    # Whatever a library trips over in an answer that it cannot read, an AttributeError at times.
    (BaseException, "answer was a refusal, or not to be understood"),
)


def fault_in_words(of_protocol: Kinds, *causes: BaseException | None) -> str:
    """
    How a sentence about a server ends that begins with "The server's": the first that fits any of the causes.

    `of_protocol`: what the library of a protocol raises, and what that means.
    """
    kinds = (*_OF_THE_WAY, *of_protocol, *_LAST)
    return next(words for kind, words in kinds if any(isinstance(cause, kind) for cause in causes))
