"""Batches of a worker whose lease or whose keys changed while it fetched them."""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mailconsent.errors import KeyMissing, LeaseLost
from mailconsent.loops.reading import Reader
from mailconsent.mailbox import Fetched, Mailbox, connect
from mailconsent.model import Reason
from mailconsent.services.rotation import rotate_signing
from mailconsent.store.mailboxes import release_lease, take_lease
from tests.doors.mails import mail
from tests.houses import PASSWORD, House, ask, build, consent, inbox_settings, rows, token_for
from tests.real.dovecot import Dovecot
from worker import Worker


class Slow(Mailbox):
    """An open mailbox, whose every batch arrives after something has happened."""

    def __init__(self, box: Mailbox, happens: Callable[[list[Fetched]], None]) -> None:
        self._box, self._happens = box, happens
        self.uidvalidity = box.uidvalidity

    def since(self, uid: int, **how: Any) -> Iterator[list[Fetched]]:
        for batch in self._box.since(uid, **how):
            self._happens(batch)
            yield batch


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    return dovecot.new_user()


@pytest.fixture
def house(tmp_path: Path, dovecot: Dovecot, user: str) -> House:
    url = f"imap://{quote(user, safe='')}@127.0.0.1:{dovecot.port}/INBOX"
    return replace(build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db"), environ=inbox_settings(url))


def test_batches_that_take_longer_than_the_lease_become_smaller_until_all_is_read(
    house: House, dovecot: Dovecot, user: str
) -> None:
    dovecot.append(user, [mail(f"{at}@example.com", "Hello", "0123456789\r\n" * 2_000) for at in range(20)])
    with house.opened() as here:
        (reader,) = Worker(here).readers

        def another_takes_over(batch: list[Fetched]) -> None:
            if sum(len(one.raw) for one in batch) > 100_000:
                later = datetime.now(UTC) + 2 * reader.lease
                with here.store.begin() as tx:
                    assert take_lease(tx, reader.imap.name, "another", now=later, lease=timedelta())
                    release_lease(tx, reader.imap.name, "another")

        def is_read(box: Mailbox) -> bool:
            assert reader.take_lease()
            try:
                reader.sweep(Slow(box, another_takes_over))
            except LeaseLost:
                return False
            return True

        with connect(reader.imap, PASSWORD) as box:
            # Of 480 KB, 240 and 120, and then of less.
            assert [is_read(box) for _ in range(4)] == [False, False, False, True]
        assert len(rows(here, "select uid from inbound_messages")) == 20


class Late(threading.Event):
    """Looked at after each message that was judged: then the key file arrives."""

    def __init__(self, key: Path, place: Path) -> None:
        super().__init__()
        self.key, self.place = key, place

    def is_set(self) -> bool:
        shutil.copy(self.key, self.place)
        return super().is_set()


def test_mail_is_not_judged_without_a_key_that_arrives_before_it_is_stored(
    house: House, dovecot: Dovecot, user: str, tmp_path: Path
) -> None:
    key, elsewhere = tmp_path / "signing.keys", tmp_path / "elsewhere.keys"
    shutil.copy(key, elsewhere)
    other = replace(house, environ=house.environ | {"MAILCONSENT_SIGNING_KEYS_FILE": str(elsewhere)})
    with house.opened() as here, other.opened() as there:
        consent(here, "anna@example.com")
        rotate_signing(here.store)
        token = token_for(here, "anna@example.com").encode()
        dovecot.append(user, [mail("relay@example.net", "", "Hello").replace(b"contact@", b"u+" + token + b"@")])
        (inbox,) = there.settings.inboxes
        late = Late(key, elsewhere)
        reader = Reader(there, inbox.address, PASSWORD, late)
        with here.store.begin() as tx:
            assert take_lease(tx, inbox.address.name, reader.holder, now=datetime.now(UTC), lease=reader.lease)

        with connect(inbox.address, PASSWORD) as box:
            with pytest.raises(KeyMissing):
                reader.sweep(box)
            assert rows(here, "select uid from inbound_messages") == []
            late.is_set()
            reader.sweep(box)

        assert ask(here, "anna@example.com")[0].reason is Reason.WITHDRAWN
