"""Handing mail to a real SMTP server: the ways in, what it answers, and that none of its words get out."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailconsent import postbox
from mailconsent.errors import PostboxRefused, PostboxUnavailable
from mailconsent.postbox import Fate, Postbox, Verdict, connect
from mailconsent.smtp_url import Encryption, MailServer, parse_smtp_url
from tests.real.dovecot import make_certificate
from tests.real.ports import free_port
from tests.real.smtp import PASSWORD, SmtpServer

RAW = b"From: contact@example.com\r\nTo: anna@example.com\r\nSubject: Done\r\n\r\nIt is done.\r\n"
ANNA = "anna@example.com"
#: Seconds that we wait for an answer, also on a machine that is busy; and for one that does not come.
PATIENCE, SILENCE = 10.0, 0.3
MANY = {"logins": "PLAIN LOGIN"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    make_certificate(folder / "certificate.pem", folder / "key.pem")
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


def opened(
    server: SmtpServer,
    how: Encryption = Encryption.NONE,
    *,
    user: str = "",
    password: str = "",
    timeout: float = PATIENCE,
) -> Postbox:
    host = "127.0.0.1" if how is Encryption.NONE else "localhost"
    return connect(MailServer(host=host, port=server.port, user=user, encryption=how), password, timeout=timeout)


def test_a_letter_is_handed_in_as_it_is_from_nobody(server: SmtpServer) -> None:
    raw = RAW + b".one dot\n..two\nand no end"

    with opened(server) as box:
        assert box.send(ANNA, raw) == (Fate.ACCEPTED, "250 2.0.0")

    (letter,) = server.letters
    assert (letter.sender, letter.recipient) == ("", ANNA)
    assert letter.raw == RAW + b".one dot\r\n..two\r\nand no end\r\n"


def test_many_letters_go_over_one_connection(server: SmtpServer) -> None:
    with opened(server) as box:
        for _ in range(3):
            box.send(ANNA, RAW, sender="bounces@example.com")

    assert [letter.sender for letter in server.letters] == ["bounces@example.com"] * 3
    assert server.verbs.count("EHLO") == 1
    assert server.verbs[-1] == "QUIT"


@pytest.mark.parametrize("how", [Encryption.TLS, Encryption.STARTTLS])
@pytest.mark.parametrize(("logins", "user"), [("PLAIN LOGIN", "contact@ærø.example"), ("LOGIN", "contact@example.com")])
def test_it_logs_in_over_an_encrypted_way(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, how: Encryption, logins: str, user: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    implicit = how is Encryption.TLS
    with SmtpServer(certificate=certificate[0], key=certificate[1], implicit=implicit, logins=logins) as server:
        with opened(server, how, user=user, password=PASSWORD) as box:
            assert box.send(ANNA, RAW).fate is Fate.ACCEPTED

        assert [(letter.user, letter.encrypted) for letter in server.letters] == [(user, True)]


@pytest.mark.parametrize("how", [Encryption.TLS, Encryption.STARTTLS])
def test_a_certificate_that_nobody_vouches_for_ends_it(certificate: tuple[Path, Path], how: Encryption) -> None:
    implicit = how is Encryption.TLS
    with SmtpServer(certificate=certificate[0], key=certificate[1], implicit=implicit, **MANY) as server:
        with pytest.raises(PostboxUnavailable, match="certificate is not trusted"):
            opened(server, how, user="contact", password=PASSWORD)
        assert "AUTH" not in server.verbs


def test_without_the_offer_of_starttls_nothing_is_said(server: SmtpServer) -> None:
    with pytest.raises(PostboxRefused, match="offers no STARTTLS"):
        opened(server, Encryption.STARTTLS, user="contact", password=PASSWORD)

    assert set(server.verbs) <= {"EHLO", "QUIT"}, "whoever sits in between has taken the offer away"


#: Verb, what the server says to it, and what becomes of the letter.
TURNED_DOWN = [
    ("RCPT", "550 5.1.1 no such user", Fate.REFUSED, "550 5.1.1"),
    ("RCPT", "450 4.2.1 greylisted", Fate.DEFERRED, "450 4.2.1"),
    ("RCPT", "554 5.7.1 relay access denied", Fate.DEFERRED, "554 5.7.1"),
    ("RCPT", "550 no such user anna@example.com", Fate.REFUSED, "550"),
    ("MAIL", "452 4.3.1 disk full", Fate.DEFERRED, "452 4.3.1"),
    ("DATA", "554 5.5.1 no valid recipients", Fate.REFUSED, "554 5.5.1"),
    ("letter", "552 5.3.4 too large", Fate.REFUSED, "552 5.3.4"),
    ("letter", "451 4.7.1 try again", Fate.DEFERRED, "451 4.7.1"),
    ("letter", "550 5.7.1 looks like spam", Fate.DEFERRED, "550 5.7.1"),
]


@pytest.mark.parametrize(("verb", "says", "fate", "status"), TURNED_DOWN, ids=lambda value: str(value)[:20])
def test_what_is_said_of_one_letter_is_a_verdict_and_the_next_goes_on(
    server: SmtpServer, verb: str, says: str, fate: Fate, status: str
) -> None:
    server.answers[verb] = says
    with opened(server) as box:
        assert box.send(ANNA, RAW) == (fate, status)
        server.answers.clear()
        assert box.send(ANNA, RAW).fate is Fate.ACCEPTED


@pytest.mark.parametrize("says", ["421 4.7.0 too many errors", "", "what?"])
def test_a_server_that_has_had_enough_has_said_its_word_of_the_letter_before(server: SmtpServer, says: str) -> None:
    server.answers |= {"RCPT": "550 5.1.1 no such user", "RSET": says}
    with opened(server) as box:
        assert box.send(ANNA, RAW) == (Fate.REFUSED, "550 5.1.1")
        with pytest.raises(PostboxUnavailable):
            box.send(ANNA, RAW)


#: Verb, what the server says to it, and what is told of that.
BETWEEN_US = [
    ("greeting", "554 no", PostboxUnavailable, "answer was a refusal"),
    ("greeting", "", PostboxUnavailable, "connection broke off"),
    ("greeting", "...", PostboxUnavailable, "answer did not come in time"),
    ("greeting", "HTTP/1.1 400 Bad Request", PostboxUnavailable, "answer"),
    ("greeting", "250-...", PostboxUnavailable, "answer did not come in time"),
    ("EHLO", "250-...", PostboxUnavailable, "answer did not come in time"),
    ("EHLO", "250-x\r\n" * 10_000 + "250 AUTH PLAIN", PostboxUnavailable, "or not to be understood"),
    ("AUTH", "535 5.7.8 wrong for contact@example.com", PostboxRefused, "refused the login"),
    ("AUTH", "454 4.7.0 not now", PostboxUnavailable, "could not check the login"),
    ("MAIL", "550 5.7.60 not your sender", PostboxRefused, "SMTP_SENDER"),
    ("MAIL", "530 5.7.0 log in", PostboxRefused, "wants a login"),
    ("RCPT", "421 4.3.2 closing", PostboxUnavailable, "connection broke off"),
    ("RCPT", "", PostboxUnavailable, "connection broke off"),
    ("DATA", "...", PostboxUnavailable, "answer did not come in time"),
    ("DATA", "250 2.0.0 taken", PostboxUnavailable, "or not to be understood"),
    ("letter", "", PostboxUnavailable, "connection broke off"),
    ("letter", "421 4.3.2 closing", PostboxUnavailable, "connection broke off"),
    ("letter", "taken, thanks", PostboxUnavailable, "or not to be understood"),
    ("MAIL", "\x00\xff", PostboxUnavailable, "or not to be understood"),
    ("RCPT", "25 ok", PostboxUnavailable, "or not to be understood"),
]


@pytest.mark.parametrize(("verb", "says", "kind", "told"), BETWEEN_US, ids=lambda value: str(value)[:20])
def test_what_stands_between_us_and_every_letter_is_an_error_in_plain_words(
    verb: str, says: str, kind: type[Exception], told: str
) -> None:
    def hand_in(server: SmtpServer) -> None:
        timeout = SILENCE if says.endswith("...") else PATIENCE
        with opened(server, user="contact@example.com", password=PASSWORD, timeout=timeout) as box:
            box.send(ANNA, RAW)

    with SmtpServer(answers={verb: says}, **MANY) as server, pytest.raises(PostboxUnavailable, match=told) as error:
        hand_in(server)

    assert type(error.value) is kind
    assert "@" not in str(error.value)
    assert error.value.__cause__ is None, "what the server said goes no further"


@settings(max_examples=25, deadline=None)
@given(verb=st.sampled_from(("greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "letter")), says=st.text(max_size=30))
@example(verb="letter", says="250-and so on")
@example(verb="RCPT", says="354 go on")
@example(verb="EHLO", says="250-\x00\n250 AUTH")
def test_whatever_a_server_says_is_a_verdict_or_that_it_is_not_available(verb: str, says: str) -> None:
    with SmtpServer(answers={verb: says}, **MANY) as server, pytest.MonkeyPatch.context() as patch:
        for limit in ("LAST_WORD", "FAREWELL"):
            patch.setattr(postbox, limit, SILENCE)
        with (
            contextlib.suppress(PostboxUnavailable),
            opened(server, user="contact", password=PASSWORD, timeout=SILENCE) as box,
        ):
            assert isinstance(box.send(ANNA, RAW), Verdict)


def test_a_server_that_thinks_long_about_a_letter_is_waited_for(server: SmtpServer) -> None:
    server.deliver = lambda _letter: time.sleep(2.0)

    with opened(server, timeout=1.0) as box:
        assert box.send(ANNA, RAW).fate is Fate.ACCEPTED, "who gives up now sends it twice"


def test_a_last_word_without_end_is_not_waited_for(server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postbox, "LAST_WORD", SILENCE)
    server.answers["letter"] = "250-..."

    with opened(server) as box, pytest.raises(PostboxUnavailable, match="did not come in time"):
        box.send(ANNA, RAW)  # another worker would take the letter meanwhile


def test_no_server_no_host_and_no_tls_are_told_apart(server: SmtpServer) -> None:
    nobody = MailServer(host="127.0.0.1", port=free_port(), encryption=Encryption.NONE)
    nowhere = MailServer(host="host.invalid", port=25, encryption=Encryption.NONE)

    for address, told in ((nobody, "or was refused"), (nowhere, "host name is not known")):
        with pytest.raises(PostboxUnavailable, match=told):
            connect(address, "", timeout=PATIENCE)
    with pytest.raises(PostboxUnavailable, match="answer was not TLS"):
        opened(server, Encryption.TLS)


def test_a_login_that_is_not_offered_is_missed(server: SmtpServer) -> None:
    with pytest.raises(PostboxRefused, match="offers no login"):
        opened(server, user="contact", password=PASSWORD)
    with SmtpServer(logins="XOAUTH2") as other, pytest.raises(PostboxRefused, match="no way to log in"):
        opened(other, user="contact", password=PASSWORD)


@pytest.mark.parametrize("utf8", [True, False])
def test_an_address_in_other_letters_needs_a_server_that_knows_them(*, utf8: bool) -> None:
    with SmtpServer(utf8=utf8) as server, opened(server) as box:
        verdict = box.send("søren@example.com", RAW)
        assert verdict == ((Fate.ACCEPTED, "250 2.0.0") if utf8 else (Fate.REFUSED, "553 5.6.7"))
        assert box.send(ANNA, RAW).fate is Fate.ACCEPTED
        assert [letter.options for letter in server.letters] == (["SMTPUTF8 BODY=8BITMIME", ""] if utf8 else [""])


@pytest.mark.parametrize("address", ["anna@example.com>\r\nRCPT TO:<bo@example.net", "anna@example.com\n", "a\0@b"])
def test_no_address_smuggles_a_command_in(server: SmtpServer, address: str) -> None:
    with opened(server) as box, pytest.raises(PostboxUnavailable):
        box.send(address, RAW)
    assert server.letters == []
    assert server.verbs.count("RCPT") == 0


def test_a_dead_link_is_closed_soon(server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postbox, "FAREWELL", SILENCE)
    box = opened(server)
    server.answers["QUIT"] = "..."
    box.close()
    box.close()


#: URL, and what it means: host, port, user, encryption.
URLS = [
    ("smtps://contact%40example.com@smtp.example.com", ("smtp.example.com", 465, "contact@example.com", "tls")),
    ("smtps://smtp.example.com:2465/", ("smtp.example.com", 2465, "", "tls")),
    ("smtp://contact@smtp.example.com", ("smtp.example.com", 587, "contact", "starttls")),
    ("smtp://smtp.example.com:25", ("smtp.example.com", 25, "", "starttls")),
    ("smtp://localhost", ("localhost", 25, "", "none")),
    ("smtp://127.0.0.1:2525", ("127.0.0.1", 2525, "", "none")),
    ("smtp://[::1]", ("::1", 25, "", "none")),
    ("smtp://127.0.0.1.example.com", ("127.0.0.1.example.com", 587, "", "starttls")),
]


@pytest.mark.parametrize(("url", "means"), URLS, ids=lambda value: str(value)[:40])
def test_a_url_names_the_server_and_how_it_is_reached(url: str, means: tuple[str, int, str, str]) -> None:
    server = parse_smtp_url(url)

    assert (server.host, server.port, server.user, server.encryption.value) == means
    assert "contact@example.com" not in repr(server)
