"""Marks on handled mail: a keyword, or a move. Only what had an effect gets one, after the commit; nothing is lost."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mailconsent.errors import MailboxRefused, MailboxUnavailable
from mailconsent.imap_settings import Mark
from mailconsent.mail_id import MailId
from mailconsent.mailbox import connect
from mailconsent.model import Channel
from mailconsent.services import review
from mailconsent.services.applying import apply_and_tell
from mailconsent.services.installation import Installation
from mailconsent.store.marks import note_marked
from tests.doors.mails import mail
from tests.doors.working import working
from tests.houses import House, build, events, inbox_settings, receipt, rows, until
from tests.real.dovecot import PASSWORD, Dovecot, StoredMessage
from tests.real.inbox import opened
from tests.real.relay import Relay
from worker import Worker

KEYWORD = {"IMAP_HANDLED_KEYWORD": "Handled"}
FOLDER = {"IMAP_HANDLED_FOLDER": "Handled mail"}
REQUEST, ORDER = mail("anna@example.com", "Unsubscribe"), mail("bo@example.net", "Re: Scanners", "Still available?")
#: It waits for a human, since it is about nobody.
UNCLEAR = mail("@example.com", "Unsubscribe")


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    return dovecot.new_user()


@pytest.fixture
def open_house(tmp_path: Path, user: str) -> Iterator["OpenHouse"]:
    with ExitStack() as stack:
        yield OpenHouse(stack, build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db"), user)


@pytest.fixture
def open_either(house: House, user: str) -> Iterator["OpenHouse"]:
    """On each of the two databases."""
    with ExitStack() as stack:
        yield OpenHouse(stack, house, user)


class OpenHouse:
    """Opens an installation that marks as it is told to, behind a port."""

    def __init__(self, stack: ExitStack, house: House, user: str) -> None:
        self._stack, self._house, self._user = stack, house, user

    def __call__(self, port: int, mark: dict[str, str]) -> Installation:
        url = f"imap://{quote(self._user, safe='')}@127.0.0.1:{port}/INBOX"
        house = replace(self._house, environ=inbox_settings(url, **mark))
        return self._stack.enter_context(house.opened())


def all_marked(here: Installation, count: int = 1) -> bool:
    """Whether so many messages were read, and none lacks its mark."""
    read = rows(here, "select unmarked from inbound_messages")
    return len(read) == count and not any(lacking for (lacking,) in read)


def no_note(_uids: Sequence[int]) -> None:
    """As of a process that dies after the mark."""


def other_than(states: list[StoredMessage], uid: int) -> list[StoredMessage]:
    return [state for state in states if state.uid != uid]


def test_a_keyword_is_set_on_mail_that_had_an_effect_and_on_no_other(
    open_house: OpenHouse, dovecot: Dovecot, user: str
) -> None:
    here = open_house(dovecot.port, KEYWORD)
    dovecot.append(user, [REQUEST, ORDER, UNCLEAR, REQUEST], flags=["\\Flagged"])
    before = dovecot.state(user)

    with working(here):
        until(lambda: all_marked(here, 4))

    after = dovecot.state(user)
    assert other_than(after, 1) == other_than(before, 1), "an order, one for a human, and a copy"
    assert after[0] == before[0]._replace(flags=before[0].flags | {b"Handled"}), "and it is as unread as it was"


def test_a_move_takes_mail_that_had_an_effect_into_a_folder_which_is_made_if_need_be(
    open_either: OpenHouse, dovecot: Dovecot, user: str
) -> None:
    here = open_either(dovecot.port, FOLDER)
    dovecot.append(user, [REQUEST, ORDER, UNCLEAR], flags=["\\Flagged"])
    before = dovecot.state(user)

    with working(here):
        until(lambda: all_marked(here, 3))
        dovecot.append(user, [mail("cecilia@example.org", "Unsubscribe")])
        until(lambda: all_marked(here, 4), "reading to go on")

    assert dovecot.state(user) == other_than(before, 1)
    moved = dovecot.state(user, "Handled mail")
    assert [(message.raw, message.flags) for message in moved] == [
        (REQUEST, before[0].flags),
        (mail("cecilia@example.org", "Unsubscribe"), frozenset()),
    ]
    with dovecot.session(user) as human:
        assert "Handled mail" in [name for _, _, name in human.list_sub_folders()]


def test_what_a_human_applies_gets_its_mark_then_and_what_one_dismisses_none(
    open_either: OpenHouse, dovecot: Dovecot, user: str
) -> None:
    here = open_either(dovecot.port, KEYWORD)
    dovecot.append(user, [UNCLEAR, mail("@example.net", "Unsubscribe")])

    with working(here):
        until(lambda: all_marked(here, 2))
        applied, dismissed = (
            MailId(*row)  # type: ignore[arg-type]
            for row in rows(here, "select mailbox_id, uidvalidity, uid from inbound_messages order by uid")
        )
        with here.store.begin() as tx:
            review.dismiss(tx, dismissed, receipt(Channel.OPERATOR), "thanks for a talk")
            apply_and_tell(tx, here, applied, receipt(Channel.OPERATOR), addresses=["anna@example.com"])
        until(lambda: rows(here, "select 1 from inbound_messages where unmarked") == [])

    assert [message.flags for message in dovecot.state(user)] == [frozenset({b"Handled"}), frozenset()]


def test_without_move_on_the_server_it_is_copied_once_and_stays(
    open_house: OpenHouse, dovecot: Dovecot, user: str, relay: Relay
) -> None:
    relay.mask = b"MOVE"
    here = open_house(relay.port, FOLDER)
    dovecot.append(user, [REQUEST, ORDER])
    before = dovecot.state(user)

    with working(here):
        until(lambda: all_marked(here, 2))
        dovecot.append(user, [ORDER])
        until(lambda: all_marked(here, 3), "another cycle")

    assert dovecot.state(user)[:2] == before, "nothing is deleted, and nothing marked as deleted"
    assert [message.raw for message in dovecot.state(user, "Handled mail")] == [REQUEST]


def test_without_move_what_was_copied_before_the_link_broke_is_not_copied_again(
    open_house: OpenHouse, dovecot: Dovecot, user: str, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def note_and_break(*what: Any) -> None:
        note_marked(*what)
        relay.cut()

    relay.mask = b"MOVE"
    here = open_house(relay.port, FOLDER)
    both = [REQUEST, mail("bo@example.net", "Unsubscribe")]
    dovecot.append(user, both)
    monkeypatch.setattr("mailconsent.mailbox.marking.TOGETHER", 1)
    (reader,) = Worker(here).readers
    assert reader.take_lease()
    with monkeypatch.context() as patch, connect(reader.imap, PASSWORD) as box:
        reader.sweep(box)
        patch.setattr("mailconsent.loops.marking.note_marked", note_and_break)
        with pytest.raises(MailboxUnavailable):
            reader.marker.mark(box)
    assert rows(here, "select unmarked from inbound_messages order by uid") == [(False,), (True,)]
    reader._let_go()

    with working(here):
        until(lambda: all_marked(here, 2))

    assert [message.raw for message in dovecot.state(user, "Handled mail")] == both


def test_where_the_server_keeps_no_keywords_the_mail_stays_as_it_is_and_reading_goes_on(
    open_house: OpenHouse, dovecot: Dovecot, user: str, relay: Relay
) -> None:
    relay.mask = b"\\*"
    here = open_house(relay.port, KEYWORD)
    dovecot.append(user, [REQUEST])
    before = dovecot.state(user)

    with working(here):
        until(lambda: rows(here, "select unmarked from inbound_messages") == [(True,)])
        dovecot.append(user, [mail("bo@example.net", "Unsubscribe")])
        until(lambda: len(events(here)) == 2, "reading to go on")

    assert dovecot.state(user)[:1] == before


def test_after_a_refusal_it_looks_for_mail_before_it_waits_and_tries_again_much_later(
    open_house: OpenHouse, dovecot: Dovecot, user: str, relay: Relay
) -> None:
    relay.mask = b"\\*"
    here = open_house(relay.port, KEYWORD)
    dovecot.append(user, [REQUEST])
    (reader,) = Worker(here).readers
    assert reader.take_lease()
    with connect(reader.imap, PASSWORD) as box:
        reader.sweep(box)
        assert [reader.marker.mark(box) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("mark", "died"), [(KEYWORD, "after the mark"), (FOLDER, "before the mark"), (FOLDER, "after the mark")]
)
def test_what_a_dead_process_left_is_marked_by_the_next_and_once(
    open_house: OpenHouse, dovecot: Dovecot, user: str, mark: dict[str, str], died: str
) -> None:
    here = open_house(dovecot.port, mark)
    dovecot.append(user, [REQUEST, ORDER])
    (reader,) = Worker(here).readers
    assert reader.take_lease()
    with connect(reader.imap, PASSWORD) as box:
        reader.sweep(box)
        assert rows(here, "select uid, unmarked from inbound_messages order by uid") == [(1, True), (2, False)]
        if died == "after the mark" and here.settings.mark:
            box.mark([1], here.settings.mark, no_note)
    reader._let_go()

    with working(here):
        until(lambda: all_marked(here, 2))

    marked = [m for m in dovecot.state(user) if b"Handled" in m.flags] + dovecot.state(user, "Handled mail")
    assert [message.raw for message in marked] == [REQUEST]
    assert len(events(here)) == 1


def test_a_mailbox_made_anew_meanwhile_gets_no_mark(dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [REQUEST], mailbox="Lists")
    with opened(user, dovecot.port, folder="Lists") as box:
        with dovecot.session(user) as human:
            human.delete_folder("Lists")
        dovecot.append(user, [ORDER], mailbox="Lists")

        box.mark([1], Mark(keyword="Handled"), no_note)

    assert [message.flags for message in dovecot.state(user, "Lists")] == [frozenset()]


def test_a_folder_that_cannot_be_is_told_of_and_reading_goes_on(dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [REQUEST])
    before = dovecot.state(user)
    with opened(user, dovecot.port) as box:
        with pytest.raises(MailboxRefused, match="IMAP_HANDLED_FOLDER"):
            box.mark([1], Mark(folder="a//b"), no_note)
        assert [message.uid for batch in box.since(0) for message in batch] == [1]

    assert dovecot.state(user) == before


def test_more_messages_than_go_into_one_command(dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, [mail(f"p{n}@example.com", "Unsubscribe") for n in range(450)])
    with opened(user, dovecot.port) as box:
        box.mark(list(range(1, 900, 2)), Mark(folder="Handled"), no_note)

    assert len(dovecot.state(user)) == 225
    assert len(dovecot.state(user, "Handled")) == 225


def test_a_worker_that_is_killed_while_it_moves_loses_and_doubles_nothing(
    tmp_path: Path, dovecot: Dovecot, user: str, relay: Relay
) -> None:
    url = f"imap://{quote(user, safe='')}@127.0.0.1:{relay.port}/INBOX"
    home = build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db", inbox_settings(url, IMAP_LEASE="1.5", **FOLDER))
    people = [f"p{number}@example.com" for number in range(5)]
    dovecot.append(user, [mail(person, "Unsubscribe") for person in people])
    relay.delay = 0.1  # it takes a while from the commit to the move
    with home.opened() as here:
        worker = home.start("worker")
        until(lambda: rows(here, "select 1 from inbound_messages where unmarked limit 1"), "the effects")
        worker.kill()
        worker.wait()
        relay.heal()

        with home.running("worker", log="second.log"):
            until(lambda: all_marked(here, 5))

        assert [len(each) for each in events(here).values()] == [1] * 5
    assert dovecot.state(user) == []
    moved = [message.raw for message in dovecot.state(user, "Handled mail")]
    assert sorted(moved) == sorted(mail(person, "Unsubscribe") for person in people)
