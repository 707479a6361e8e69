"""What is read of the contact inbox, from a real Dovecot."""

import logging
from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailconsent.mailbox import portions, session
from mailconsent.message import MAX_MESSAGE
from tests.real.dovecot import Dovecot
from tests.real.inbox import mail, never, opened, swept


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    return dovecot.new_user()


def test_reading_changes_nothing(dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [mail(1), mail(2)])
    dovecot.append(user, [mail(3)], flags=["\\Flagged", "$Label1"])
    before = dovecot.state(user)
    with opened(user, dovecot.port) as box:
        assert len(swept(box)) == 3
        box.wait(0.1, never)
        box.refresh()
    assert dovecot.state(user) == before


def test_batches_are_ascending_and_complete(dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portions, "BATCH", 10)
    dovecot.append(user, [mail(number) for number in range(1, 26)])
    with opened(user, dovecot.port) as box:
        batches = list(box.since(0))
    assert [len(batch) for batch in batches] == [10, 10, 5]
    messages = [message for batch in batches for message in batch]
    assert [message.uid for message in messages] == list(range(1, 26))
    assert [message.raw for message in messages] == [mail(number) for number in range(1, 26)]


def test_a_batch_holds_no_more_bytes_than_it_may_or_one_message(dovecot: Dovecot, user: str) -> None:
    huge = [mail(number) + b"0123456789\r\n" * 20_000 for number in range(3)]
    dovecot.append(user, [huge[0], *map(mail, range(5)), *huge[1:], mail(5)])
    with opened(user, dovecot.port) as box:
        batches = list(box.since(0, most=MAX_MESSAGE + 1_000))
        assert [[len(one.raw) for one in batch] for batch in box.since(0, most=1)] == [
            [len(one.raw)] for batch in batches for one in batch
        ]
    assert [[one.uid for one in batch] for batch in batches] == [[1, 2, 3, 4, 5, 6], [7], [8, 9]]


def test_a_large_mailbox_is_searched_window_by_window(
    dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "WINDOW", 4)
    dovecot.append(user, [mail(number) for number in range(1, 16)])
    dovecot.expunge(user, [2, 5, 6, 7, 8, 15])
    with opened(user, dovecot.port) as box:
        assert [message.uid for message in swept(box)] == [1, 3, 4, 9, 10, 11, 12, 13, 14]
        assert [message.uid for message in swept(box, 9)] == [10, 11, 12, 13, 14]
        dovecot.append(user, [mail(16)])
        assert [message.uid for message in swept(box, 12)] == [13, 14, 16]


def test_only_what_is_newer_is_read(dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [mail(1), mail(2), mail(3)])
    with opened(user, dovecot.port) as box:
        assert [message.uid for message in swept(box, 2)] == [3]


def test_nothing_new_gives_nothing_though_the_server_names_its_last_message(dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [mail(1), mail(2)])
    with opened(user, dovecot.port) as box:
        assert list(box.since(2)) == []
        assert list(box.since(900)) == []


def test_an_empty_mailbox_gives_nothing(dovecot: Dovecot, user: str) -> None:
    with opened(user, dovecot.port) as box:
        assert list(box.since(0)) == []


def test_of_a_huge_message_only_the_beginning_is_fetched(dovecot: Dovecot, user: str) -> None:
    huge = mail(1) + b"0123456789abcdef0123456789abcdef\r\n" * 900_000
    dovecot.append(user, [huge, mail(2)])
    with opened(user, dovecot.port) as box:
        first, second = swept(box)
    assert first.raw == huge[:MAX_MESSAGE]
    assert second.raw == mail(2)


@pytest.mark.parametrize(
    "raw", [b"\r\n", b"Subject: no body\r\n\r\n", b"no header\r\n", b'"quoted \\" text"\r\n', b"1\r\n"]
)
def test_odd_messages_arrive_as_they_are(dovecot: Dovecot, user: str, raw: bytes) -> None:
    dovecot.append(user, [raw])
    with opened(user, dovecot.port) as box:
        assert [message.raw for message in swept(box)] == [raw]


def test_the_time_of_receipt_is_utc(dovecot: Dovecot, user: str) -> None:
    received_at = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=-7)))
    dovecot.append(user, [mail(1)], received_at=received_at)
    with opened(user, dovecot.port) as box:
        (message,) = swept(box)
    assert message.received_at == received_at
    assert message.received_at.tzinfo is UTC


def test_a_message_expunged_between_search_and_fetch_is_left_out(
    dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "BATCH", 2)
    dovecot.append(user, [mail(number) for number in range(1, 7)])
    with opened(user, dovecot.port) as box:
        batches = box.since(0)
        seen = [message.uid for message in next(batches)]
        dovecot.expunge(user, [3, 4, 6])
        seen += [message.uid for batch in batches for message in batch]
    assert seen == [1, 2, 5]


def test_a_folder_other_than_the_inbox_is_read(dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [mail(1)], mailbox="Größe & Co")
    with opened(user, dovecot.port, folder="Größe & Co") as box:
        assert len(swept(box)) == 1


def test_nothing_of_the_conversation_is_logged(dovecot: Dovecot, user: str, caplog: pytest.LogCaptureFixture) -> None:
    dovecot.append(user, [mail(1)])
    with caplog.at_level(logging.DEBUG), opened(user, dovecot.port) as box:
        swept(box)
        box.wait(0.1, never)
    assert caplog.text == ""
