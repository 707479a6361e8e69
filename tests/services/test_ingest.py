"""What a message from the pipe of a mail server does: what it would do in the inbox, and once if it comes there too."""

import threading
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailconsent.mail_id import MailId
from mailconsent.mailbox import Fetched
from mailconsent.message import MAX_MESSAGE, parse_message
from mailconsent.model import Channel, EventKind, Reason
from mailconsent.services.inbox import Answers, ingest, judge, piped, process
from mailconsent.services.inbox.piped import arrival
from mailconsent.services.installation import Installation, readiness
from mailconsent.store.inbox import State, Stored
from mailconsent.store.mailboxes import read_cursor, take_lease
from tests.doors.mails import mail
from tests.houses import ask, consent, events, rows, token_for, unfolded

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEASE = timedelta(minutes=1)
BOX = "imaps://contact@example.com/INBOX"
ANNA = "anna@example.com"
REQUEST = mail(ANNA, "Unsubscribe", "Please unsubscribe me.")
ARRIVALS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "arrivals.toml").read_text("utf-8"))["arrival"]


@pytest.fixture
def here(installation: Installation) -> Installation:
    return installation


def take_in(here: Installation, raw: bytes) -> Stored:
    """What a mail server hands over, taken in."""
    judged = judge(piped(raw, now=NOW), here.store.keyring.read_mailed)
    with here.store.begin() as tx:
        return ingest(tx, judged, now=NOW)


def read(here: Installation, *raw: bytes) -> None:
    """What a worker finds in the inbox."""
    keyring = here.store.keyring
    batch = [
        judge(Fetched(uid=uid, raw=each, received_at=NOW), keyring.read_mailed) for uid, each in enumerate(raw, start=1)
    ]
    with here.store.begin() as tx:
        assert take_lease(tx, BOX, "one", now=NOW, lease=LEASE)
        process(tx, read_cursor(tx, BOX, 7), "one", batch, now=NOW, lease=LEASE)


def copies(here: Installation) -> list[bool]:
    return [bool(copy) for (copy,) in rows(here, "select copy from inbound_messages order by stored_at, copy")]


def as_piped(raw: bytes) -> bytes:
    """The same message as another server delivers it: other line ends, and fields of its own on top."""
    return b"Return-Path: <anna@example.com>\nDelivered-To: contact@example.com\n" + raw.replace(b"\r\n", b"\n")


def test_a_request_ends_marketing_and_names_the_pipe_as_its_source(here: Installation) -> None:
    consent(here, ANNA)

    stored = take_in(here, as_piped(REQUEST))

    assert (stored.state, stored.copy) == (State.DONE, False)
    assert ask(here, ANNA)[0].reason is Reason.WITHDRAWN
    [[given, withdrawn]] = events(here).values()
    assert (given.kind, withdrawn.kind) == (EventKind.CONSENT_GIVEN, EventKind.WITHDRAWN)
    assert withdrawn.channel is Channel.INBOX
    [(mailbox,)] = rows(here, "select id from mailboxes where name = 'pipe'")
    assert withdrawn.source == f"mail:{mailbox}/0/{stored.uid}"
    assert unfolded(here) == []


def test_a_link_in_the_local_part_it_was_delivered_to_is_the_request(here: Installation) -> None:
    consent(here, ANNA)
    token = token_for(here, ANNA)

    take_in(here, f"Delivered-To: u+{token}@example.com\nFrom: bo@example.net\nTo: undisclosed:;\n\n\n".encode())

    assert [decision.reason for decision in ask(here, ANNA, "bo@example.net")] == [Reason.WITHDRAWN] * 2


def test_a_message_handed_over_again_has_no_second_effect(here: Installation) -> None:
    """As after a crash between the commit and the exit status, or where an alias leads to the pipe twice."""
    for raw in (REQUEST, REQUEST, as_piped(REQUEST)):
        take_in(here, raw)

    assert copies(here) == [False, True, True]
    assert [len(each) for each in events(here).values()] == [1]


@pytest.mark.parametrize("first", ["inbox", "pipe"])
def test_a_message_that_comes_to_the_inbox_too_has_one_effect(here: Installation, first: str) -> None:
    ways = [lambda: read(here, REQUEST), lambda: take_in(here, as_piped(REQUEST))]
    for way in ways if first == "inbox" else reversed(ways):
        way()

    assert copies(here) == [False, True]


def test_of_two_taken_in_at_the_same_moment_the_second_waits_and_is_a_copy(here: Installation) -> None:
    take_in(here, mail("bo@example.net", "Hello"))
    judged = judge(piped(REQUEST, now=NOW), here.store.keyring.read_mailed)
    second = threading.Thread(target=take_in, args=(here, REQUEST))
    with here.store.begin() as tx:
        ingest(tx, judged, now=NOW)
        second.start()
        second.join(0.5)
        assert second.is_alive()
    second.join()

    assert copies(here) == [False, False, True]
    assert [len(each) for each in events(here).values()] == [1]


def test_two_requests_alike_that_nothing_tells_apart_both_count(here: Installation) -> None:
    bare = b"From: anna@example.com\nSubject: Unsubscribe\n\nPlease unsubscribe me.\n"
    take_in(here, bare)
    take_in(here, bare)

    assert copies(here) == [False, False]


def test_what_only_a_human_can_tell_is_kept_for_one(here: Installation) -> None:
    stored = take_in(here, mail(ANNA, "Unsubscribe", "Please unsubscribe me and my colleague bo@example.net"))

    assert stored.state is State.REVIEW
    assert stored.raw is not None
    assert ask(here, ANNA)[0].reason is Reason.QUESTIONED


def test_every_mail_of_the_pipe_has_a_name_by_which_a_human_calls_it() -> None:
    for _ in range(100):
        mail_id = MailId(1, 0, piped(REQUEST, now=NOW).uid)
        assert MailId.read(str(mail_id)) == mail_id


def test_mail_that_is_none_of_our_business_leaves_its_digest_alone(here: Installation) -> None:
    stored = take_in(here, mail(ANNA, "Invoice 17", "When will the microscope arrive?"))

    assert (stored.state, stored.raw, stored.content_digest) == (State.DONE, None, None)


def test_a_phrase_of_many_choices_is_stored_as_the_reason_on_any_database(here: Installation) -> None:
    stored = take_in(here, mail(ANNA, "Hello", "I no longer want to receive your newsletters."))

    assert len(stored.classification.reason) > 120, "or this test shows nothing"
    [(reason,)] = rows(here, "select reason from inbound_messages")
    assert stored.classification.reason.startswith(str(reason))


@pytest.mark.parametrize(
    ("received", "letters"),
    [
        ("by mx.example.com; Mon, 2 Mar 2026 11:00:00 +0000", 1),
        ("by mx.example.com; Mon, 2 Feb 2026 11:00:00 +0000", 0),
    ],
    ids=["just now", "a month ago"],
)
def test_a_request_from_the_pipe_is_answered_if_it_is_recent(here: Installation, received: str, letters: int) -> None:
    raw = mail(ANNA, "Unsubscribe", "Please unsubscribe me.", Return_Path=f"<{ANNA}>", Received=received)
    judged = judge(piped(raw, now=NOW), here.store.keyring.read_mailed)
    with here.store.begin() as tx:
        ingest(tx, judged, now=NOW, answers=Answers(rules=here.rules, ours=frozenset({"contact@example.com"})))

    assert rows(here, "select count(*) from outbox") == [(letters,)]


def test_no_more_is_read_than_the_worker_would_fetch(here: Installation) -> None:
    fetched = piped(REQUEST + b"a\n" * MAX_MESSAGE, now=NOW)

    assert len(fetched.raw) == MAX_MESSAGE
    assert b"\n" not in fetched.raw.replace(b"\r\n", b"")


def test_what_stands_below_all_that_is_read_stops_marketing_until_a_human_has_read_it(here: Installation) -> None:
    consent(here, "anna@example.com")
    picture = b"--b\nContent-Type: image/jpeg\n\n" + b"A" * MAX_MESSAGE
    head = b"From: anna@example.com\nContent-Type: multipart/mixed; boundary=b\n\n"

    stored = take_in(here, head + picture + b"\n--b\n\nPlease unsubscribe me.\n--b--\n")

    assert stored.state is State.REVIEW
    assert ask(here, "anna@example.com")[0].reason is Reason.QUESTIONED


def test_the_pipe_is_no_mailbox_that_a_worker_should_have_read(here: Installation) -> None:
    take_in(here, REQUEST)

    with here.store.read() as tx:
        assert readiness(tx, now=NOW).mailboxes == 0


@pytest.mark.parametrize("vector", ARRIVALS, ids=lambda vector: vector["name"])
def test_when_a_message_arrived(vector: dict[str, str]) -> None:
    message = parse_message(f"{vector['header']}\nSubject: x\n\ny\n".encode())

    assert arrival(message, now=NOW).isoformat() == vector["arrived"], vector["why"]
