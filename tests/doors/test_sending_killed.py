"""A worker killed between the mail server's yes and its own note of it: the same message once more, and no other."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from mailconsent.services.installation import Installation
from tests.doors.test_sending import hurry, write
from tests.houses import build, rows, until
from tests.real.smtp import SmtpServer


class Taken:
    """A database on which nobody else can write for a while."""

    def __init__(self, here: Installation) -> None:
        self._here = here
        self._taken, self._freed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold)

    def take(self) -> None:
        self._thread.start()
        assert self._taken.wait(10)

    def free(self) -> None:
        self._freed.set()
        self._thread.join()

    def _hold(self) -> None:
        with self._here.store.begin():
            self._taken.set()
            self._freed.wait(30)


def test_killed_between_sending_and_noting_it_a_letter_is_the_same_message_once_more(tmp_path: Path) -> None:
    with SmtpServer() as server:
        environ = {"MAILCONSENT_SMTP_URL": f"smtp://127.0.0.1:{server.port}"}
        home = build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db", environ)
        with home.opened() as here:
            write(here, "anna@example.com", at=datetime.now(UTC))
            database = Taken(here)
            server.deliver = lambda _letter: database.take()  # before it says yes
            with home.running("worker") as process:
                until(lambda: server.letters, "the letter to be handed in")
                time.sleep(0.5)  # it has the yes by now, and waits for the database
                process.kill()
                process.wait()
            server.deliver = lambda _letter: None
            database.free()
            assert rows(here, "select state, status, attempts from outbox") == [("waiting", None, 1)]

            with home.running("worker", log="second.log"):
                until(lambda: "house kept" in home.log("second.log"), "the next one to be at work")
                assert len(server.letters) == 1, "whoever took it may still be alive"
                hurry(here)
                until(lambda: rows(here, "select 1 from outbox where state = 'sent'"), "it to be sent")

    assert len(server.letters) == 2
    assert len({letter.raw for letter in server.letters}) == 1, "with the same Message-ID"
