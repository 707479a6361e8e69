"""No answer is a no: whatever a broken, slow or lying server says, it never comes out as a yes."""

import gzip
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailconsent.client import MAX_ANSWER, Client
from mailconsent.errors import KeyRefused, MailconsentError, Refused, ServiceUnavailable
from tests.cast import ANNA, BO
from tests.doors.leaks import assert_tells_nothing
from tests.doors.scripted import ScriptedServer, answer, response
from tests.doors.serving import EVIDENCE

KEY = f"mc_{'0' * 12}_{'0' * 64}"
LINK = "https://mail.example.com/u/token"
YES = {
    "address": ANNA,
    "allowed": True,
    "reason": "consent",
    "legal_basis": "consent",
    "event_id": "1-1",
    "headers": {"List-Unsubscribe": f"<{LINK}>"},
    "unsubscribe_url": LINK,
}
NO = {"address": ANNA, "allowed": False, "reason": "withdrawn", "legal_basis": None, "event_id": "1-2"}
WHOLE = json.dumps({"verdicts": [YES]}).encode()


def said(**change: object) -> bytes:
    """A yes, changed; `...` leaves a part out."""
    return answer({"verdicts": [{name: value for name, value in (YES | change).items() if value is not ...}]})


OUTAGES: list[tuple[Sequence[bytes], str]] = [
    ([], "hangs up without a word"),
    ([b"\x15\x03\x01\x00\x02\x02\x46"], "speaks TLS"),
    ([b"ICY 200 OK\r\n\r\n" + WHOLE], "speaks another protocol"),
    ([WHOLE], "has forgotten the status line"),
    ([response(500, b'{"type":"about:blank","title":"Internal Server Error","status":500}')], "fails"),
    ([response(500, WHOLE)], "fails, with a yes in its mouth"),
    ([response(502, b"<html><h1>Bad Gateway</h1></html>", "text/html")], "a proxy without a server"),
    ([response(503, WHOLE, retry_after="30")], "is asked too much"),
    ([response(404, b"<html>Not Found</html>", "text/html")], "is somebody else"),
    ([response(429, WHOLE)], "limits us"),
    ([response(301, WHOLE, location="/v1/check")], "sends us round and round"),
    ([response(307, WHOLE, location="https://www.example.com/")], "sends us elsewhere"),
    ([response(201, WHOLE)], "says 201, which a check never is"),
    ([response(204, b"")], "says nothing, and is pleased with it"),
    ([response(206, WHOLE)], "says a part"),
    ([response(200, b"")], "an empty answer"),
    ([response(200, b"<html>Please log in</html>", "text/html")], "a captive portal"),
    ([response(200, WHOLE[:-3])], "cut off, and says that this is all"),
    ([response(200, WHOLE[:-3], content_length=str(len(WHOLE)))], "cut off"),
    ([response(200, WHOLE + b"}")], "more than JSON"),
    ([response(200, b"\xff\xfe" + WHOLE)], "not UTF-8"),
    ([response(200, WHOLE, content_encoding="gzip")], "says it is compressed, and it is not"),
    ([response(200, gzip.compress(WHOLE)[:-60], content_encoding="gzip")], "compressed, and cut off"),
    ([response(200, b"", content_length=str(MAX_ANSWER * 2)), *([b" " * 2**20] * 40)], "never stops"),
    ([response(200, gzip.compress(b" " * MAX_ANSWER * 2), content_encoding="gzip")], "a small bomb"),
    ([response(200, b"[" * 100_000)], "deeper than any stack"),
    ([answer(None)], "null"),
    ([answer([YES])], "a list"),
    ([answer({})], "no verdicts"),
    ([answer({"verdicts": []})], "none for us"),
    ([answer({"verdicts": [YES, YES]})], "one too many"),
    ([answer({"verdicts": {"0": YES}})], "a mapping"),
    ([answer({"verdicts": [[ANNA, True, "consent", "consent", "1-1"]]})], "in another form"),
    ([said(address=BO)], "speaks of somebody else"),
    ([said(address=ANNA.upper())], "nearly of her"),
    ([said(address=...)], "of nobody"),
    ([said(allowed="yes")], "yes in a word"),
    ([said(allowed="true")], "so too"),
    ([said(allowed=1)], "yes as a number"),
    ([said(allowed=None)], "neither yes nor no"),
    ([said(allowed=...)], "says neither"),
    ([said(reason="because")], "a reason that does not exist"),
    ([said(reason=...)], "no reason"),
    ([said(reason="withdrawn")], "the reason of a no"),
    ([said(reason="transactional")], "one reason, and another legal basis"),
    ([said(legal_basis=None)], "no legal basis"),
    ([said(legal_basis=...)], "so too"),
    ([said(legal_basis="legitimate_interest")], "a legal basis that we know nothing of"),
    ([said(event_id=None)], "no event behind it"),
    ([said(event_id="")], "so too"),
    ([said(headers=...)], "no header fields, though asked for"),
    ([said(headers={"List-Id": "<blog.example.com>"})], "others, and not the one that counts"),
    ([said(headers="List-Unsubscribe")], "in another form"),
    ([said(unsubscribe_url=...)], "no link"),
    ([said(unsubscribe_url=None)], "so too"),
]


@pytest.mark.parametrize(("pieces", "why"), OUTAGES, ids=[f"{n}-{why}" for n, (_, why) in enumerate(OUTAGES)])
def test_whatever_a_server_says_that_is_not_a_whole_answer_is_an_outage(pieces: Sequence[bytes], why: str) -> None:
    with ScriptedServer(pieces) as server, Client(server.url, KEY, timeout=5) as client:
        with pytest.raises(ServiceUnavailable, match="do not send") as caught:
            client.check(ANNA, "blog")

        assert len(server.requests) == 1, "a check is asked once"
    assert_tells_nothing(caught.value, ANNA, BO, KEY)


def test_the_same_server_telling_the_truth_is_believed() -> None:
    with ScriptedServer([answer({"verdicts": [YES]})]) as server, Client(server.url, KEY) as client:
        assert client.check(ANNA, "blog").allowed
        assert client.check(ANNA, "blog").unsubscribe_url == LINK
    with ScriptedServer([answer({"verdicts": [NO]})]) as server, Client(server.url, KEY) as client:
        assert not client.check(ANNA, "blog").allowed


def test_a_newer_server_may_say_more_than_we_know() -> None:
    more = answer({"verdicts": [YES | {"more": 1}], "more": 2})
    with ScriptedServer([more]) as server, Client(server.url, KEY) as client:
        assert client.check(ANNA, "blog").allowed


def test_answers_in_another_order_are_nobody_s() -> None:
    swapped = answer({"verdicts": [NO | {"address": BO}, YES]})
    with ScriptedServer([swapped]) as server, Client(server.url, KEY) as client, pytest.raises(ServiceUnavailable):
        list(client.check_many([ANNA, BO], "blog"))


@pytest.mark.parametrize(
    ("pieces", "pause", "why"),
    [
        ([response(200, WHOLE)], 60.0, "silent"),
        ([response(200, WHOLE)[:20], response(200, WHOLE)[20:]], 20.0, "silent in the middle"),
        ([response(200, WHOLE)[: -len(WHOLE)], *(bytes([byte]) for byte in WHOLE)], 0.2, "dripping"),
        ([response(200, b"", content_length="9999"), *([b" "] * 9999)], 0.2, "dripping for ever"),
    ],
    ids=["silent", "silent in the middle", "dripping", "dripping for ever"],
)
def test_who_takes_too_long_has_not_answered(pieces: Sequence[bytes], pause: float, why: str) -> None:
    began = time.monotonic()
    with ScriptedServer(pieces, pause=pause) as server, Client(server.url, KEY, timeout=0.5) as client:
        with pytest.raises(ServiceUnavailable):
            client.check(ANNA, "blog")
        # Much longer than half a second, and much shorter than the server would take.
        assert time.monotonic() - began < 15, why


def test_nobody_there_has_not_answered() -> None:
    with ScriptedServer([]) as server:
        gone = server.url
    for url in (gone, "http://nowhere.invalid", "nowhere", ""):
        with Client(url, KEY, timeout=5) as client, pytest.raises(ServiceUnavailable) as caught:
            client.check(ANNA, "blog")
        assert_tells_nothing(caught.value, ANNA, KEY)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, KeyRefused), (403, KeyRefused), (400, Refused), (413, Refused), (415, Refused)]
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"type":"about:blank","title":"T","status":400,"detail":"Why."}', WHOLE]
)
def test_a_refusal_is_one_in_whatever_words(status: int, kind: type[MailconsentError], body: bytes) -> None:
    with (
        ScriptedServer([response(status, body)]) as server,
        Client(server.url, KEY) as client,
        pytest.raises(kind) as caught,
    ):
        client.check(ANNA, "blog")
    assert ("Why." in str(caught.value)) == (b"Why." in body)
    assert_tells_nothing(caught.value, ANNA, KEY)


@pytest.fixture(scope="module")
def liar() -> Iterator[ScriptedServer]:
    with ScriptedServer([]) as server:
        yield server


@pytest.fixture(scope="module")
def believer(liar: ScriptedServer) -> Iterator[Client]:
    with Client(liar.url, KEY, timeout=5) as client:
        yield client


@given(
    body=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.sampled_from([None, True, 1, "yes", ANNA, "consent", "verdicts", "allowed"]),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["verdicts", *YES]), inner),
        ).map(lambda value: json.dumps(value).encode()),
        # A whole answer, of which the end got lost on the way.
        st.integers(0, len(WHOLE) - 1).map(lambda length: WHOLE[:length]),
    )
)
@settings(max_examples=150, deadline=None)
def test_no_made_up_answer_is_a_yes(liar: ScriptedServer, believer: Client, body: bytes) -> None:
    liar.say([response(200, body)])
    with pytest.raises(ServiceUnavailable) as caught:
        believer.check(ANNA, "blog")
    assert_tells_nothing(caught.value, ANNA, KEY)


def recorded(event_id: str) -> bytes:
    return answer({"event_id": event_id, "repeated": False})


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ([], "the answer got lost"),
        ([response(502, b"")], "the server was just restarted"),
        ([response(409, b"")], "the first one is still under way"),
    ],
)
def test_a_write_is_tried_once_more_under_the_same_key(first: Sequence[bytes], why: str) -> None:
    with ScriptedServer(first, [recorded("1-1")]) as server, Client(server.url, KEY) as client:
        assert client.record_consent(ANNA, "blog", EVIDENCE) == "1-1", why

        one, two = server.requests
        assert one == two, why
        assert b"\r\nidempotency-key: " in one.lower()


def test_two_writes_have_two_keys() -> None:
    with ScriptedServer([recorded("1-1")]) as server, Client(server.url, KEY) as client:
        client.withdraw(ANNA)
        client.withdraw(ANNA)

        one, two = server.requests
        assert one != two


def test_a_write_that_fails_twice_may_or_may_not_have_been_recorded() -> None:
    with ScriptedServer([]) as server, Client(server.url, KEY) as client:
        with pytest.raises(ServiceUnavailable) as caught:
            client.withdraw(ANNA)

        assert len(server.requests) == 2
    assert_tells_nothing(caught.value, ANNA, KEY)


@pytest.mark.parametrize("value", [{}, {"event_id": 1, "repeated": False}, {"event_id": "1-1"}, None, ANNA])
def test_an_unreadable_receipt_is_no_receipt(value: Any) -> None:
    with (
        ScriptedServer([answer(value)]) as server,
        Client(server.url, KEY) as client,
        pytest.raises(ServiceUnavailable) as caught,
    ):
        client.record_consent(ANNA, "blog", EVIDENCE)
    assert_tells_nothing(caught.value, ANNA, KEY)


@pytest.mark.parametrize("place", [1, -1])
def test_a_place_that_nobody_told_of_is_nobody_s(place: int) -> None:
    value = {"recorded": 0, "without_ground": [{"place": place, "reason": "withdrawn"}]}
    with (
        ScriptedServer([answer(value)]) as server,
        Client(server.url, KEY) as client,
        pytest.raises(ServiceUnavailable) as caught,
    ):
        client.record_sends([ANNA], "blog", "2026-w10")
    assert_tells_nothing(caught.value, ANNA, KEY)
