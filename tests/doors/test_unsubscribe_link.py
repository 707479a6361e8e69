"""Unsubscribing by the link (design section 7, RFC 8058): whatever is posted counts, and nothing else does."""

import select

import pytest

from tests.houses import ask, consent, rows, token_for
from tests.served import FORM, ONE_CLICK, Served, read_answer

CONFIRMED = b"confirm=1"
BOUNDARY = "----7MA4YWxkTrZu0gW"
MULTIPART = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--{BOUNDARY}--\r\n'
).encode()

#: Name, content type, body.
POSTS = [
    ("Gmail", FORM, ONE_CLICK),
    ("as RFC 7578", f"multipart/form-data; boundary={BOUNDARY}", MULTIPART),
    ("a form with a charset", f"{FORM}; charset=UTF-8", ONE_CLICK),
    ("Thunderbird add-on, empty", FORM, b""),
    ("no content type", None, ONE_CLICK),
    ("neither content type nor body", None, b""),
    ("JSON", "application/json", b'{"List-Unsubscribe": "One-Click"}'),
    ("broken JSON", "application/json", b"{"),
    ("plain text", "text/plain", b"Unsubscribe"),
    ("multipart without a boundary", "multipart/form-data", MULTIPART),
    ("multipart that never ends", f"multipart/form-data; boundary={BOUNDARY}", MULTIPART[:40]),
    ("another boundary than it says", "multipart/form-data; boundary=other", MULTIPART),
    ("no content type that there is", "%%%; ;;", ONE_CLICK),
    ("an encoding of content that we do not read", FORM, b"\x1f\x8b\x08\x00\xff\xff"),
    ("garbage", "application/octet-stream", bytes(range(256)) * 8),
    ("fields without end", FORM, b"a=1&" * 5000),
    ("a megabyte", FORM, b"x" * 2**20),
    ("a megabyte of fields of a form", f"multipart/form-data; boundary={BOUNDARY}", MULTIPART * 6000),
]
AGENTS = [
    "curl/8.5.0",
    "Java/17.0.2",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Python-urllib/3.11",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
    "\xff\xfe not an agent",
    "",
]


@pytest.mark.parametrize(("content_type", "body"), [post[1:] for post in POSTS], ids=[post[0] for post in POSTS])
def test_whatever_is_posted_unsubscribes(served: Served, content_type: str | None, body: bytes) -> None:
    link, before = served.link(), served.events()

    answer = served.ask("POST", link, body, {"Content-Type": content_type} if content_type else {})

    assert (answer.status, answer.mimetype, answer.text) == (200, "text/plain", "Unsubscribed.\n")
    assert served.events() == before + 1
    assert served.last_channel() == "one_click"


@pytest.mark.parametrize("agent", [*AGENTS, None])
def test_every_agent_is_heard(served: Served, agent: str | None) -> None:
    link, before = served.link(), served.events()
    field = b"" if agent is None else b"User-Agent: " + agent.encode("latin-1") + b"\r\n"

    answer = served.send(b"POST " + link.encode() + b" HTTP/1.1\r\nHost: a\r\n" + field + b"Content-Length: 0\r\n\r\n")

    assert answer.status == 200
    assert served.events() == before + 1


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\nList-Unsubscribe=One-Click\r\n0\r\n\r\n",
        "HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "HTTP/1.0\r\n\r\n",
        "HTTP/1.0\r\nContent-Length: 26\r\n\r\nList-Unsubscribe=One-Click",
        "HTTP/1.1\r\nHost: not a host!\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1\r\nHost: [::1\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1\r\nHost: a\r\nCookie: session=1; \xe6=\xf8\r\nAuthorization: Basic !\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1\r\nHost: a\r\nOrigin: null\r\nSec-Fetch-Site: cross-site\r\nReferer: :\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1\r\nHost: a\r\nIf-Match: nothing\r\nIf-None-Match: *\r\nRange: bytes=0-1\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1\r\nHost: a\r\nX-HTTP-Method-Override: GET\r\nAccept: image/png\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_no_other_header_matters(served: Served, head: str) -> None:
    link, before = served.link(), served.events()

    answer = served.send(f"POST {link} {head}".encode("latin-1"))

    assert answer.status == 200
    assert served.events() == before + 1


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(served: Served) -> None:
    link, before = served.link(), served.events()
    with served.connect() as line:
        line.sendall(f"POST {link} HTTP/1.1\r\nHost: a\r\nContent-Length: 26\r\nExpect: 100-continue\r\n\r\n".encode())
        assert line.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(ONE_CLICK)

        assert read_answer(line).status == 200
    assert served.events() == before + 1


@pytest.mark.parametrize("ending", ["", "/", "//", "?", "?utm_source=mail&List-Unsubscribe=One-Click", "/?a#b"])
def test_what_follows_the_link_neither_redirects_nor_hinders(served: Served, ending: str) -> None:
    link = served.link()
    for method in ("GET", "HEAD"):
        assert served.ask(method, link + ending).status == 200
    before = served.events()

    assert served.post(link + ending).status == 200
    assert served.events() == before + 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("query", ["", "?List-Unsubscribe=One-Click", "?confirm=1"])
def test_reading_writes_nothing(served: Served, method: str, query: str) -> None:
    link, before = served.link(), served.events()

    for body in (None, ONE_CLICK, CONFIRMED):
        answer = served.ask(method, link + query, body, {"Content-Type": FORM, "X-HTTP-Method-Override": "POST"})
        assert answer.status == 200
        assert answer.body == b"" or method == "GET"

    assert served.events() == before


def test_head_says_what_get_would_say(served: Served) -> None:
    link = served.link()
    got, head = served.ask("GET", link), served.ask("HEAD", link)
    changing = ("Date",)

    assert [h for h in got.headers.items() if h[0] not in changing] == [
        h for h in head.headers.items() if h[0] not in changing
    ]


def test_the_button_gets_a_page_and_a_mail_client_a_line(served: Served) -> None:
    for body in (CONFIRMED, b"confirm=1&more=2"):
        page = served.post(served.link(), body, content_type=FORM)
        assert (page.status, page.mimetype) == (200, "text/html")
        assert "You are unsubscribed" in page.text
        assert served.last_channel() == "page"

    line = served.post(served.link(), ONE_CLICK + b"&confirm=1", content_type=FORM)
    assert (line.status, line.mimetype) == (200, "text/plain")
    assert served.last_channel() == "one_click"


def test_a_repeat_is_answered_alike_and_adds_nothing(served: Served) -> None:
    link = served.link()
    first, before = served.post(link), served.events()

    for body in (ONE_CLICK, b"", CONFIRMED):
        assert served.post(link, body).status == first.status == 200
    assert served.events() == before


def test_it_counts_from_the_answer_on(served: Served) -> None:
    consent(served.here, "bo@example.net")
    consent(served.here, "bo@example.net", topic="alerts")
    link = f"/u/{token_for(served.here, 'bo@example.net')}"

    served.post(link)

    assert ask(served.here, "bo@example.net")[0].reason == "withdrawn"
    assert ask(served.here, "bo@example.net", topic="alerts")[0].allowed


@pytest.mark.parametrize("erased", ["address and evidence", "everything"])
def test_the_link_of_an_erased_recipient_works(served: Served, erased: str) -> None:
    if erased == "everything":
        link = served.link_of_nobody(topic=1)
    else:
        link = served.link("cecilia@example.org")
        with served.here.store.begin() as tx:
            tx.connection.exec_driver_sql("update recipients set address = null where address = 'cecilia@example.org'")
            tx.connection.exec_driver_sql("delete from evidence")
    before = served.events()

    assert served.ask("GET", link).status == 200
    assert served.post(link).status == 200
    assert served.events() == before + 1
    assert served.post(link).status == 200
    assert served.events() == before + 1


def test_a_topic_no_longer_published_can_be_left_and_is_not_everything(served: Served) -> None:
    link = served.link_of_nobody(topic=999)

    assert "all our marketing mail?" not in served.ask("GET", link).text
    done = served.post(link, CONFIRMED)

    assert done.status == 200
    assert "any marketing mail" not in done.text
    assert rows(served.here, "select count(*) from events where topic = 999")[0][0]


def test_a_broken_off_request_is_none(served: Served) -> None:
    link, before = served.link(), served.events()
    with served.connect() as line:
        line.sendall(f"POST {link} HTTP/1.1\r\nHost: a\r\nContent-Length: 26\r\n\r\nList-Un".encode())
        line.shutdown(1)
        assert select.select([line], [], [], 30)[0], "the server hung up"
        line.recv(1000)
    assert served.ask("GET", link).status == 200
    assert served.events() == before
