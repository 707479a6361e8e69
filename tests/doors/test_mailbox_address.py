"""The address of the contact inbox, as the operator writes it."""

import traceback

import pytest

from mailconsent.errors import ConfigError
from mailconsent.imap_url import MailboxAddress, parse_imap_url


def test_an_address_is_taken_apart() -> None:
    assert parse_imap_url("imaps://anna%40example.com@Mail.Example.com:1993/Lists/New%20ones") == MailboxAddress(
        host="mail.example.com", port=1993, user="anna@example.com", folder="Lists/New ones", tls=True
    )


def test_port_and_folder_may_be_left_out() -> None:
    short = parse_imap_url("imaps://anna@example.com")
    assert (short.port, short.folder) == (993, "INBOX")
    assert parse_imap_url("imaps://anna@example.com/").folder == "INBOX"
    assert parse_imap_url("imap://anna@localhost").port == 143


def test_the_inbox_has_one_name_however_it_is_written() -> None:
    assert parse_imap_url("imaps://anna@example.com/inbox").name == "anna@example.com/INBOX"
    assert parse_imap_url("imaps://anna@example.com:1993/Inbox").name == "anna@example.com/INBOX"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_plain_imap_is_allowed_to_this_machine(host: str) -> None:
    assert not parse_imap_url(f"imap://anna@{host}/INBOX").tls


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("imap://hidden@example.com/INBOX", "use imaps://"),
        ("imap://hidden@10.0.0.1/INBOX", "use imaps://"),
        ("imap://hidden@localhost.example.com/", "use imaps://"),
        ("imaps://hidden:hidden@example.com/INBOX", "MAILCONSENT_IMAP_PASSWORD"),
        ("imaps://hidden:@example.com/INBOX", "MAILCONSENT_IMAP_PASSWORD"),
        ("imaps://example.com/INBOX", "name the user"),
        ("imaps://hidden@/INBOX", "name the user"),
        ("https://hidden@example.com/", "imaps://"),
        ("hidden@example.com", "imaps://"),
        ("", "imaps://"),
        ("imaps://hidden@example.com:port/", "write it as"),
        ("imaps://hidden@example.com:99999/", "write it as"),
        ("imaps://hidden@[::1/", "write it as"),
        ("imaps://hidden@example.com/IN?BOX", "%3F"),
        ("imaps://hidden@example.com/IN#BOX", "%23"),
        ("imaps://hidden@example.com/INBOX%0D%0Aa1%20LOGOUT", "control characters"),  # a second command
        ("imaps://hidden%00@example.com/INBOX", "control characters"),  # NUL separates user and password in PLAIN
    ],
)
def test_an_unusable_address_says_what_to_do_and_echoes_nothing(url: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_imap_url(url)
    (line,) = caught.value.faults
    assert advice in line
    assert "\n" not in line
    # The traceback shows the source line of this call, but not its argument.
    assert "hidden" not in "".join(traceback.format_exception(caught.value))


def test_the_user_is_not_in_the_repr() -> None:
    assert "anna" not in repr(parse_imap_url("imaps://anna@example.com"))
