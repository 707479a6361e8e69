"""A server that talks nonsense: it holds up its own mailbox, and nothing else."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from mailconsent.errors import FetchBroken
from tests.real.inbox import opened, swept

DATED = b'INTERNALDATE "01-Jan-2026 00:00:00 +0000"'
ANSWERS = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
    b"EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 2] x\r\n",
    b"SEARCH": b"* SEARCH 1\r\n",
}


@contextlib.contextmanager
def babbling(fetched: bytes) -> Iterator[int]:
    """The port of a server with one message, which it hands out like this."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        talk = threading.Thread(target=_talk, args=(listener, ANSWERS | {b"FETCH": fetched}))
        talk.start()
        yield listener.getsockname()[1]
        talk.join()


def _talk(listener: socket.socket, answers: dict[bytes, bytes]) -> None:
    link, _ = listener.accept()
    with link, link.makefile("rwb", buffering=0) as line:
        line.write(b"* OK [CAPABILITY IMAP4rev1] hello\r\n")
        while command := line.readline():
            said = [answer for verb, answer in answers.items() if verb in command.upper()]
            line.write(b"".join(said) + command.split()[0] + b" OK done\r\n")


@pytest.mark.parametrize(
    "fetched",
    [
        b"* 1 FETCH " + b"(" * 50_000 + b"\r\n",
        b"* 1 FETCH (UID 1 INTERNALDATE 7)\r\n",
        b"* 1 FETCH (UID 1 INTERNALDATE (1) BODY[]<0> 7)\r\n",
        b"* 1 FETCH (1 2 3 4)\r\n",
        b"* 1 FETCH (UID 1 BODY[]<0> {90000}\r\n",
    ],
    ids=["parentheses", "a number for a date", "a list for a date", "numbers for names", "half of a literal"],
)
def test_an_answer_that_nobody_can_read_is_called_that_and_of_which_message_it_was(fetched: bytes) -> None:
    with babbling(fetched) as port, opened("anna", port, timeout=0.5) as box, pytest.raises(FetchBroken) as caught:
        swept(box)

    assert caught.value.uids == [1]


@pytest.mark.parametrize("body", [b"7", b"(1 2)", b"NIL"])
def test_what_is_no_text_counts_as_withheld(body: bytes) -> None:
    with babbling(b"* 1 FETCH (UID 1 %b BODY[]<0> %b)\r\n" % (DATED, body)) as port, opened("anna", port) as box:
        assert [(message.uid, message.withheld) for message in swept(box)] == [(1, True)]


@pytest.mark.parametrize("sizes", [b"", b"* 1 FETCH (UID 1 RFC822.SIZE NIL)\r\n", b"* 1 FETCH (UID 1)\r\n"])
def test_what_has_no_size_is_taken_for_large(sizes: bytes) -> None:
    fetched = sizes + b"* 1 FETCH (UID 1 %b BODY[]<0> {2}\r\nhi)\r\n" % DATED
    with babbling(fetched) as port, opened("anna", port) as box:
        assert [[one.raw for one in batch] for batch in box.since(0, most=1)] == [[b"hi"]]
