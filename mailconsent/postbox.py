"""
Mail on its way out: handed to a mail server of the company's own (RFC 5321, RFC 6409).

1. What the server says of one letter is a value, a `Verdict`. What stands between us and every letter is an exception.
2. No word of the server's goes any further: it quotes addresses. Its codes do.
3. One connection, many letters, one life: after an exception the object is of no more use. Close it and connect again.
"""

import base64
import contextlib
import re
import smtplib
import ssl
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple, Self

from mailconsent.errors import MailconsentError, PostboxRefused, PostboxUnavailable
from mailconsent.server_faults import fault_in_words
from mailconsent.smtp_link import Link, SecureLink
from mailconsent.smtp_url import Encryption, MailServer

#: Seconds for which the server may think about a whole letter (RFC 5321 section 4.5.3.2.6). Who gives up sooner sends
#: it twice (RFC 1047).
LAST_WORD = 600.0
FAREWELL = 2.0  #: seconds that a polite good-bye may take

CLOSING = 421  #: "Service not available, closing transmission channel", to any command
LOGIN_FIRST = 530  #: "Authentication required" (RFC 4954 section 6)
KNOWN_WAYS = frozenset(("PLAIN", "LOGIN", "CRAM-MD5"))
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)
_ANY_LINE_END = re.compile(rb"\r\n|\r|\n")
_ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}\b")


class Fate(StrEnum):
    """What becomes of a letter."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"  #: not now
    REFUSED = "refused"  #: not ever


class Verdict(NamedTuple):
    """What the server said of one letter."""

    fate: Fate
    #: The reply code and the enhanced one (RFC 3463), as `550 5.1.1`; never text.
    status: str


def connect(server: MailServer, password: str, *, timeout: float = 30.0) -> "Postbox":
    """
    Reach the server, with TLS as its URL says, and log in where it names a user.

    `timeout` is seconds to connect, and then for any one answer as a whole. PostboxUnavailable when there is no answer
    or the certificate is not trusted (SSL_CERT_FILE is honoured); PostboxRefused when the server does not let us in.
    """
    context = ssl.create_default_context()
    with _plain_words():
        if server.encryption is Encryption.TLS:
            link: Link = SecureLink(server.host, server.port, timeout=timeout, context=context)
        else:
            link = Link(server.host, server.port, timeout=timeout)
    try:
        with _plain_words():
            link.ehlo_or_helo_if_needed()
            if server.encryption is Encryption.STARTTLS:
                _start_tls(link, context)
            if server.user:
                _log_in(link, server.user, password)
        return Postbox(link, timeout)
    except BaseException:
        _close(link)
        raise


def _start_tls(link: Link, context: ssl.SSLContext) -> None:
    # One who sits in between could take the offer out of the answer. So without it nothing is said at all.
    if not link.has_extn("starttls"):
        raise PostboxRefused("The mail server offers no STARTTLS: use smtps://, or another port.")
    link.starttls(context=context)
    link.ehlo()


def _log_in(link: Link, user: str, password: str) -> None:
    if not link.has_extn("auth"):
        raise PostboxRefused("The mail server offers no login: leave the user out of SMTP_URL, or use another port.")
    ways = set(link.esmtp_features["auth"].upper().split())
    if not ways & KNOWN_WAYS:
        raise PostboxRefused("The mail server offers no way to log in that is known here.")
    if "PLAIN" not in ways:
        link.login(user, password)
        return
    # Not smtplib's own, which knows no letters beyond ASCII (RFC 4616).
    response = base64.b64encode(f"\0{user}\0{password}".encode()).decode("ascii")
    code, text = link.docmd("AUTH", f"PLAIN {response}")
    if code not in (235, 503):
        raise smtplib.SMTPAuthenticationError(code, text)


class Postbox:
    """An open connection to a mail server."""

    def __init__(self, link: Link, timeout: float) -> None:
        self._link = link
        self._timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, recipient: str, raw: bytes, *, sender: str = "") -> Verdict:
        """
        Hand in a letter for one recipient; what the server says of it.

        `sender` is the return path: without one, nothing ever comes back, so no two programs can answer each other for
        ever (RFC 5321 section 4.5.5). Raises PostboxUnavailable, and PostboxRefused where the server takes mail of
        nobody, or not of this sender.
        """
        options = []
        if not recipient.isascii():
            if not self._link.has_extn("smtputf8"):
                return Verdict(Fate.REFUSED, "553 5.6.7")  # RFC 6531 section 3.5
            options = ["SMTPUTF8", "BODY=8BITMIME"]
        with _plain_words():
            code, text = self._command("MAIL", f"FROM:<{sender}>", *options)
            if code >= 500:
                raise PostboxRefused(_SENDER if code != LOGIN_FIRST else _LOGIN_MISSING)
            if _is_yes(code):
                code, text = self._command("RCPT", f"TO:<{recipient}>")
            if not _is_yes(code):
                return self._turned_down(code, text)
            code, text = self._command("DATA")
            if code != 354:
                return self._turned_down(code, text)
            code, text = self._hand_over(raw)
        return _verdict(code, text)

    def _command(self, verb: str, *arguments: str) -> tuple[int, bytes]:
        line = " ".join(arguments)
        if any(letter < " " or letter == "\x7f" for letter in line):
            raise ValueError("a control character in a command")
        # smtplib encodes commands in ASCII unless it is told otherwise.
        self._link.command_encoding = "ascii" if line.isascii() else "utf-8"
        self._link.putcmd(verb, line)
        return self._answer()

    def _answer(self) -> tuple[int, bytes]:
        code, text = self._link.getreply()
        if code == CLOSING:
            raise smtplib.SMTPServerDisconnected
        if not 200 <= code < 600:
            raise ValueError("no reply by RFC 5321 section 4.2")
        return code, text

    def _hand_over(self, raw: bytes) -> tuple[int, bytes]:
        data = _LEADING_DOT.sub(b"..", _ANY_LINE_END.sub(b"\r\n", raw))
        self._link.send(data + (b"" if data.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        self._be_patient(LAST_WORD)
        answer = self._answer()
        self._be_patient(self._timeout)
        return answer

    def _be_patient(self, seconds: float) -> None:
        if self._link.sock:
            self._link.sock.settimeout(seconds)

    def _turned_down(self, code: int, text: bytes) -> Verdict:
        if _is_yes(code):
            raise ValueError("a yes to a letter that was not handed over")
        try:
            self._command("RSET")
        except (OSError, ValueError):
            # A server that has had enough hangs up now. What it said of this letter holds; the next one is told.
            self._link.close()
        return _verdict(code, text)

    def close(self) -> None:
        """Say good-bye and hang up. Never raises, and takes two seconds at most on a dead link."""
        _close(self._link)


def _is_yes(code: int) -> bool:
    return 200 <= code < 300


def _verdict(code: int, text: bytes) -> Verdict:
    enhanced = _ENHANCED.match(text)
    status = f"{code} {enhanced[0].decode()}" if enhanced else str(code)
    if _is_yes(code):
        return Verdict(Fate.ACCEPTED, status)
    # Class 5.7 says that we may not: a fault of the set-up, which can be mended while the letter waits.
    is_ours = enhanced is not None and enhanced[0].startswith(b"5.7.")
    return Verdict(Fate.REFUSED if code >= 500 and not is_ours else Fate.DEFERRED, status)


def _close(link: Link) -> None:
    with contextlib.suppress(Exception):  # the link is given up anyway
        if link.sock:
            link.sock.settimeout(FAREWELL)
            link.quit()
    with contextlib.suppress(Exception):
        link.close()


_SENDER = "The mail server refuses mail of this sender: see SMTP_SENDER."
_LOGIN_MISSING = "The mail server wants a login: name the user in SMTP_URL."
_LOGIN = "The mail server refused the login: check user and password."
_KINDS = (
    (ssl.SSLError, "answer was not TLS: smtp:// is STARTTLS, smtps:// is TLS from the beginning"),
    (smtplib.SMTPServerDisconnected, "connection broke off"),
    (smtplib.SMTPException, "answer was a refusal, or not to be understood"),
)


@contextlib.contextmanager
def _plain_words() -> Iterator[None]:
    """Raise our exceptions for theirs, without the cause: its text quotes the server, which quotes addresses."""
    try:
        yield
    except MailconsentError:
        raise
    except smtplib.SMTPAuthenticationError as error:
        if error.smtp_code < 500:  # RFC 4954 section 6: 454 is a "not now"
            raise PostboxUnavailable("The mail server could not check the login just now.") from None
        raise PostboxRefused(_LOGIN) from None
    except Exception as error:  # noqa: BLE001 - else a letter would be lost sight of that a server talks nonsense about
        # smtplib reports a silent server as one that hung up, with the truth behind it.
        words = fault_in_words(_KINDS, error.__context__, error)
        raise PostboxUnavailable(f"The mail server's {words}.") from None
