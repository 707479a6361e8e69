"""The worker process on a real inbox: what it does to the ledger, and that it does nothing to the inbox."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from mailconsent import logs
from mailconsent.errors import InvalidToken
from mailconsent.mailbox import Fetched
from mailconsent.model import Channel, EventKind, Grade, Label, Reason, UnsubscribeClaim
from mailconsent.services.inbox import judge
from mailconsent.services.installation import Installation
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_address
from tests import houses
from tests.doors.mails import mail
from tests.doors.working import working
from tests.houses import House, ask, consent, events, inbox_settings, rows, token_for, unfolded, until
from tests.real.dovecot import Dovecot
from tests.real.relay import Relay
from tests.reports import bounce, complaint, permit_of


def read(here: Installation) -> int:
    """How many messages have a stored classification."""
    return len(rows(here, "select uid from inbound_messages"))


def no_token(_text: str) -> UnsubscribeClaim:
    raise InvalidToken


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    return dovecot.new_user()


@pytest.fixture
def here(house: House, dovecot: Dovecot, user: str) -> Iterator[Installation]:
    url = f"imap://{quote(user, safe='')}@127.0.0.1:{dovecot.port}/INBOX"
    with replace(house, environ=inbox_settings(url)).opened() as installation:
        yield installation


def test_a_mail_that_says_unsubscribe_is_a_no_and_other_mail_is_left_alone(
    here: Installation, dovecot: Dovecot, user: str
) -> None:
    consent(here, "anna@example.com", "bo@example.net", "cecilia@example.org")
    messages = [
        mail("anna@example.com", "Unsubscribe"),
        mail("bo@example.net", "Re: Scanners", "Is it still available?"),
        mail("cecilia@example.org", "Automatic reply: Unsubscribe", "I am away.", Auto_Submitted="auto-replied"),
    ]
    dovecot.append(user, messages, flags=["\\Flagged"])
    before = dovecot.state(user)

    with working(here):
        until(lambda: read(here) == 3, "all to be read")

    assert [d.allowed for d in ask(here, "anna@example.com", "bo@example.net", "cecilia@example.org")] == [
        False,
        True,
        True,
    ]
    assert ask(here, "anna@example.com", topic="alerts")[0].reason is Reason.WITHDRAWN, "without a link it covers all"
    assert dovecot.state(user) == before
    assert sorted(rows(here, "select label from inbound_messages")) == [("auto_reply",), ("other",), ("unsubscribe",)]


def test_raw_text_is_kept_only_of_mail_that_had_an_effect(here: Installation, dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [mail("anna@example.com", "Unsubscribe"), mail("bo@example.net", "An order")])

    with working(here):
        until(lambda: read(here) == 2)

    assert sorted(rows(here, "select label, raw is not null from inbound_messages")) == [
        ("other", False),
        ("unsubscribe", True),
    ]


def test_a_mail_that_came_back_ends_the_address_and_a_report_of_spam_the_marketing(
    here: Installation, dovecot: Dovecot, user: str
) -> None:
    people = "anna@example.com", "bo@example.net", "cecilia@example.org"
    consent(here, *people)
    anna, bo, _ = (permit_of(here, one, now=datetime.now(UTC)) for one in people)
    dovecot.append(
        user,
        [
            bounce("5.1.1", people[0], to=str(anna.return_path)),
            complaint(returned=f"List-Unsubscribe: <{bo.unsubscribe_url}>"),
            bounce("5.1.1", people[2], note="forged"),
        ],
    )

    with working(here):
        until(lambda: read(here) == 3)

    assert [d.reason for d in ask(here, *people)] == [Reason.PERMANENT_FAILURE, Reason.COMPLAINT, Reason.CONSENT]
    assert [d.allowed for d in ask(here, *people, topic="orders")] == [False, True, True]


def test_a_link_in_the_local_part_covers_its_topic_whatever_the_rest_says(
    here: Installation, dovecot: Dovecot, user: str
) -> None:
    consent(here, "anna@example.com")
    consent(here, "anna@example.com", topic="alerts")
    token = token_for(here, "anna@example.com")
    # Apple Mail: an empty subject, and an alias of the person's as the sender.
    raw = mail("relay-7@icloud.example.com", "", "Apple Mail sent this email", Auto_Submitted="auto-generated")
    dovecot.append(user, [raw.replace(b"To: contact@", b"To: u+" + token.upper().encode() + b"@")])

    with working(here):
        until(lambda: read(here) == 1)

    assert ask(here, "anna@example.com")[0].reason is Reason.WITHDRAWN
    assert ask(here, "anna@example.com", topic="alerts")[0].allowed
    assert ask(here, "relay-7@icloud.example.com")[0].reason is Reason.WITHDRAWN, "whose mail may come there, too"
    assert ask(here, "relay-7@icloud.example.com", topic="alerts")[0].reason is Reason.NO_LEGAL_BASIS


def test_a_request_with_a_quoted_link_covers_its_owner_and_the_writer(
    here: Installation, dovecot: Dovecot, user: str
) -> None:
    consent(here, "anna@example.com", "bo@example.net")
    link = f"https://mail.example.com/u/{token_for(here, 'anna@example.com')}"
    dovecot.append(user, [mail("bo@example.net", "Unsubscribe", f"Please unsubscribe me.\r\n\r\n> Stop: {link}")])

    with working(here):
        until(lambda: read(here) == 1)

    reasons = [d.reason for d in ask(here, "anna@example.com", "bo@example.net")]
    assert reasons == [Reason.WITHDRAWN, Reason.WITHDRAWN]


def test_an_event_of_the_inbox_names_its_message_and_no_address(
    here: Installation, dovecot: Dovecot, user: str
) -> None:
    dovecot.append(user, [mail("anna@example.com", "Afmeld")], received_at=datetime(2026, 3, 2, 9, tzinfo=UTC))

    with working(here):
        until(lambda: read(here) == 1)

    ((event,),) = events(here).values()
    assert event.kind is EventKind.WITHDRAWN
    assert event.channel is Channel.INBOX
    assert event.occurred_at == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert event.source.startswith("mail:")
    assert "@" not in event.source
    assert rows(here, "select address from recipients") == [(None,)], "an opt-out needs no plain address"


@pytest.mark.parametrize("how", ["copied", "uidvalidity"])
def test_a_message_seen_again_has_no_second_effect(here: Installation, dovecot: Dovecot, user: str, how: str) -> None:
    request = mail("anna@example.com", "Unsubscribe")
    dovecot.append(user, [request])
    with working(here):
        until(lambda: read(here) == 1)
    # Between the two sightings the person consents anew, at our own door: a second effect would undo that.
    with here.store.begin() as tx:
        recipient = lock_address(tx, "anna@example.com")
        again = houses.receipt().event(EventKind.CONSENT_GIVEN, 1, grade=Grade.A)
        append(tx, recipient, again, houses.receipt().evidence)

    if how == "copied":
        dovecot.append(user, [request])
    else:
        dovecot.change_uidvalidity(user)
    with working(here):
        until(lambda: read(here) == 2, "the message to be seen again")

    assert ask(here, "anna@example.com")[0].allowed
    assert len(next(iter(events(here).values()))) == 2
    assert unfolded(here) == []


def test_two_requests_alike_that_nothing_tells_apart_both_count(
    here: Installation, dovecot: Dovecot, user: str
) -> None:
    bare = b"From: anna@example.com\r\nTo: contact@example.com\r\nSubject: Unsubscribe\r\n\r\n\r\n"
    dovecot.append(user, [bare, bare])

    with working(here):
        until(lambda: read(here) == 2)

    assert rows(here, "select copy from inbound_messages") == [(False,), (False,)]
    assert [len(each) for each in events(here).values()] == [1], "the second is a repeat of what stands"


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_a_message_of_thirty_megabytes_is_read_by_its_beginning(
    here: Installation, dovecot: Dovecot, user: str
) -> None:
    attached = (
        "--=_1\r\nContent-Type: text/plain\r\n\r\nPlease unsubscribe me.\r\n"
        "--=_1\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    ) + ("QUJD" * 18 + "\r\n") * 420_000
    huge = mail("anna@example.com", "Hello", attached, Content_Type='multipart/mixed; boundary="=_1"')
    assert len(huge) > 30_000_000
    dovecot.append(user, [huge, mail("bo@example.net", "Unsubscribe")])

    with working(here):
        until(lambda: read(here) == 2)

    assert {d.reason for d in ask(here, "anna@example.com", "bo@example.net")} == {Reason.WITHDRAWN}


def test_a_message_too_deep_to_be_read_waits_for_a_human() -> None:
    nested = "".join(f'--{n}\r\nContent-Type: multipart/mixed; boundary="{n + 1}"\r\n\r\n' for n in range(2000))
    raw = mail("anna@example.com", "Hello", nested, Content_Type='multipart/mixed; boundary="0"')

    judged = judge(Fetched(uid=1, raw=raw, received_at=datetime.now(UTC)), no_token)

    assert judged.classification.label is Label.UNSURE
    assert judged.classification.reason == "too_deep"


def test_a_message_that_breaks_the_reader_waits_for_a_human_and_its_fault_is_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(_text: str) -> UnsubscribeClaim:
        raise RuntimeError("a fault of ours")

    token = "a" * 56
    fetched = Fetched(uid=1, raw=mail("anna@example.com", token), received_at=datetime.now(UTC))

    logs.configure()  # to where standard error leads now
    judged = judge(fetched, broken)

    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["error"]) == ("message not judged", "RuntimeError")
    assert line["at"][-1].startswith("tests/doors/test_worker.py:")
    assert judged.failed
    assert judged.classification.label is Label.UNSURE
    assert judged.classification.addresses == ("anna@example.com",), "marketing to them stops until a human has read it"


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_a_message_that_the_server_withholds_waits_for_a_human_and_the_rest_is_read(
    here: Installation, dovecot: Dovecot, user: str
) -> None:
    names = ["anna", "bo", "cecilia"]
    dovecot.append(user, [mail(f"{name}@example.com", "Unsubscribe", number=n) for n, name in enumerate(names)])
    dovecot.append(user, [mail("dorte@example.com", "Broken")])
    dovecot.append(user, [mail("erik@example.com", "Unsubscribe")])
    dovecot.withhold(user, "Broken")

    with working(here):
        until(lambda: read(here) == 5)

    assert rows(here, "select state, reason from inbound_messages where uid = 4") == [
        ("failed", "server withholds the message")
    ]
    assert ask(here, "erik@example.com")[0].reason is Reason.WITHDRAWN
    assert len(events(here)) == 4


def test_a_message_whose_effect_fails_waits_for_a_human_and_the_rest_goes_on(
    here: Installation, dovecot: Dovecot, user: str
) -> None:
    # Nothing before the @: a request that is about nobody.
    dovecot.append(user, [mail("@example.com", "Unsubscribe"), mail("bo@example.net", "Unsubscribe")])

    with working(here):
        until(lambda: read(here) == 2)

    assert sorted(rows(here, "select state, label from inbound_messages"))[-1] == ("review", "unsure")
    assert ask(here, "bo@example.net")[0].reason is Reason.WITHDRAWN


def test_nothing_is_lost_or_doubled_while_the_network_fails(
    house: House, dovecot: Dovecot, user: str, relay: Relay
) -> None:
    url = f"imap://{quote(user, safe='')}@127.0.0.1:{relay.port}/INBOX"
    with replace(house, environ=inbox_settings(url, IMAP_TIMEOUT="1")).opened() as here:
        with working(here):
            for number in range(30):
                dovecot.append(user, [mail(f"r{number}@example.com", "Unsubscribe", number=number)])
                if number % 10 == 3:
                    relay.cut()
                elif number % 10 == 6:
                    dovecot.kick(user)
                elif number == 9:
                    relay.black_hole()
                elif number == 12:
                    relay.heal()
            until(lambda: read(here) == 30, "all to be read")

        assert [len(each) for each in events(here).values()] == [1] * 30
        assert unfolded(here) == []
