"""What a newsletter system imports, against the real thing: answers, refusals and outages never look alike."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from mailconsent.client import Answer, Client
from mailconsent.errors import KeyRefused, Refused, ServiceUnavailable
from mailconsent.model import EventKind, LegalBasis, Reason
from mailconsent.store.access import Scope
from tests.doors.leaks import assert_tells_nothing
from tests.doors.serving import EVIDENCE, many, new_key, unique
from tests.houses import build, events, rows
from tests.real.postgres import Postgres
from tests.real.relay import Relay
from tests.served import Served, serving


@pytest.fixture(scope="module")
def key(web: Served) -> str:
    return web.api_key()


@pytest.fixture
def client(web: Served, key: str) -> Iterator[Client]:
    with Client(web.origin, key) as opened:
        yield opened


@pytest.fixture
def network(web: Served) -> Iterator[Relay]:
    relay = Relay(web.port)
    yield relay
    relay.stop()


def test_a_yes_comes_with_all_that_the_mail_must_carry(client: Client) -> None:
    anna = unique("anna")
    event_id = client.record_consent(anna, "blog", EVIDENCE)

    answer = client.check(anna, "blog")

    assert (answer.allowed, answer.reason, answer.legal_basis) == (True, Reason.CONSENT, LegalBasis.CONSENT)
    assert (answer.address, answer.event_id) == (anna, event_id)
    assert answer.unsubscribe_url
    assert answer.unsubscribe_url in answer.headers["List-Unsubscribe"]


def test_the_link_of_a_yes_works(web: Served, client: Client) -> None:
    anna = unique("anna")
    client.record_consent(anna, "blog", EVIDENCE)
    url = client.check(anna, "blog").unsubscribe_url or ""

    assert web.post("/u/" + url.rpartition("/")[2]).status == 200

    assert client.check(anna, "blog").reason is Reason.WITHDRAWN


def test_a_message_takes_the_header_fields_over_those_it_had(client: Client) -> None:
    anna = unique("anna")
    client.record_consent(anna, "blog", EVIDENCE)
    answer = client.check(anna, "blog")
    message = EmailMessage()
    message["List-Id"] = "old.example.com"

    answer.put_into(message)
    answer.put_into(message)

    assert [name for name, _ in message.items()] == [*answer.headers, "Message-ID"]
    assert f"\nList-Unsubscribe: {answer.headers['List-Unsubscribe']}\n" in "\n" + message.as_string()


def test_a_no_is_a_value(client: Client) -> None:
    bo = unique("bo")
    event_id = client.withdraw(bo)

    assert client.check(bo, "blog") == Answer(
        address=bo, allowed=False, reason=Reason.WITHDRAWN, legal_basis=None, event_id=event_id
    )


def test_transactional_mail_brings_no_link(client: Client) -> None:
    answer = client.check(unique("anna"), "orders")

    assert (answer.allowed, answer.legal_basis, answer.headers) == (True, LegalBasis.TRANSACTIONAL, {})


def test_an_opt_out_may_be_of_one_topic(client: Client) -> None:
    anna = unique("anna")
    for topic in ("blog", "alerts"):
        client.record_consent(anna, topic, EVIDENCE)

    client.withdraw(anna, "blog", source="crm:17")

    assert [client.check(anna, topic).allowed for topic in ("blog", "alerts")] == [False, True]


def test_all_that_is_known_of_a_consent_is_passed_on(web: Served, client: Client) -> None:
    anna, said = unique("anna"), datetime(2026, 3, 1, 9, 30, tzinfo=UTC)

    event_id = client.record_consent(anna, "blog", EVIDENCE, occurred_at=said, language="da", source="form:2")

    recipient_id = int(event_id.split("-")[0], 16)
    (event,) = events(web.here)[recipient_id]
    assert (event.kind, event.occurred_at, event.source) == (EventKind.CONSENT_GIVEN, said, "form:2")
    assert rows(web.here, f"select address, language from recipients where id = {recipient_id}") == [(anna, "da")]


def test_many_are_answered_in_their_order_and_only_as_fast_as_they_are_used(client: Client) -> None:
    asked = [unique("anna"), *many(24_998), unique("bo")]
    for address in (asked[0], asked[-1]):
        client.record_consent(address, "blog", EVIDENCE)
    taken = 0

    def one_by_one() -> Iterator[str]:
        nonlocal taken
        for address in asked:
            taken += 1
            yield address

    answers = client.check_many(one_by_one(), "blog", headers=True)
    assert taken == 0
    first = next(answers)
    assert taken == 10_000
    rest = list(answers)

    assert [answer.address for answer in (first, *rest)] == asked
    assert [answer.address for answer in (first, *rest) if answer.allowed] == [asked[0], asked[-1]]
    assert rest[-1].headers


def test_what_was_sent_is_told_in_the_check_or_afterwards(web: Served, client: Client) -> None:
    anna, bo = unique("anna"), unique("bo")
    client.record_consent(anna, "blog", EVIDENCE)

    client.check(anna, "blog", send_id=f"one/{anna[:9]}")
    wrong = client.record_sends(iter([anna, bo]), "blog", f"two/{anna[:9]}")

    told = rows(web.here, f"select send_id, basis from sends where send_id like '%/{anna[:9]}' order by 1")
    assert told == [(f"one/{anna[:9]}", "consent"), (f"two/{anna[:9]}", "consent")]
    assert wrong == [(bo, Reason.NO_LEGAL_BASIS)]


def test_nobody_to_ask_about_is_no_request_at_all(client: Client) -> None:
    assert list(client.check_many([], "blog")) == []


def test_what_the_caller_must_mend_is_refused_and_not_echoed(client: Client) -> None:
    anna = unique("anna")
    wrong: list[Any] = [
        lambda: client.check(anna, None),  # type: ignore[arg-type]
        lambda: client.check(anna, "nope"),
        lambda: client.check(anna, ""),
        lambda: client.check(None, "blog"),  # type: ignore[arg-type]
        lambda: client.check(anna.encode(), "blog"),  # type: ignore[arg-type]
        lambda: client.check(f"{anna}\ud800", "blog"),
        lambda: client.check(anna * 50, "blog"),
        lambda: list(client.check_many(anna, "blog")),
        lambda: client.record_sends(anna, "blog", "2026-w10"),
        lambda: client.record_sends([anna], "blog", anna),
        lambda: client.record_sends([anna], "orders", "2026-w10"),
        lambda: list(client.check_many([anna, 1], "blog")),  # type: ignore[list-item]
        lambda: client.record_consent("anna", "blog", EVIDENCE),
        lambda: client.record_consent(anna, "orders", EVIDENCE),
        lambda: client.record_consent(anna, "blog", {}),
        lambda: client.record_consent(anna, "blog", {anna: ""}),
        lambda: client.record_consent(anna, "blog", {anna: 1}),  # type: ignore[dict-item]
        lambda: client.record_consent(anna, "blog", {f"{anna}\ud800": "x"}),
        lambda: client.record_consent(anna, "blog", anna),  # type: ignore[arg-type]
        lambda: client.record_consent(anna, "blog", None),  # type: ignore[arg-type]
        lambda: client.record_consent(anna, "blog", EVIDENCE, occurred_at=datetime(2026, 1, 1)),
        lambda: client.record_consent(anna, "blog", EVIDENCE, source=anna),
        lambda: client.withdraw("anna"),
        lambda: client.withdraw(anna, ""),
        lambda: client.withdraw(anna, "orders"),
        lambda: client.withdraw([anna]),  # type: ignore[arg-type]
    ]
    for call in wrong:
        with pytest.raises(Refused) as caught:
            call()
        assert not isinstance(caught.value, KeyRefused)
        assert_tells_nothing(caught.value, anna)


def test_a_refusal_says_what_to_change(client: Client) -> None:
    with pytest.raises(Refused, match=r"^topic: Input should be a valid string$"):
        client.check("anna@example.com", None)  # type: ignore[arg-type]
    with pytest.raises(Refused, match=r"^There is no such topic in the policy\.$"):
        client.check("anna@example.com", "nope")


def test_a_key_that_is_refused_is_neither_a_no_nor_an_outage(web: Served) -> None:
    weak = new_key(web.here, Scope.CONSENTS)
    for key, said in [
        (f"mc_{'0' * 12}_{'0' * 64}", "unknown or revoked"),
        ("secret", "unknown or revoked"),
        (weak, "lacks the scope check"),
    ]:
        with Client(web.origin, key) as client, pytest.raises(KeyRefused, match=said) as caught:
            client.check(unique("anna"), "blog")
        assert_tells_nothing(caught.value, key)


@pytest.mark.parametrize("key", ["", " ", "mc_é_secret", "mc_sec\nret", "mc_sec\x00ret", None, 7])
def test_what_cannot_be_a_key_is_refused_before_it_is_sent_anywhere(key: Any) -> None:
    with pytest.raises(KeyRefused) as caught:
        Client("http://127.0.0.1:1", key)
    assert_tells_nothing(caught.value, "secret", "sec\\nret")


def test_a_key_file_may_end_with_a_line_break(web: Served, key: str) -> None:
    with Client(f"{web.origin}/", f"{key}\n") as client:
        assert client.check(unique("anna"), "blog").reason is Reason.NO_LEGAL_BASIS


def test_an_outage_is_neither_a_no_nor_a_refusal(network: Relay, key: str) -> None:
    anna = unique("anna")
    with Client(f"http://127.0.0.1:{network.port}", key) as client:
        client.record_consent(anna, "blog", EVIDENCE)
        network.refuse()
        network.cut()

        for call in (
            lambda: client.check(anna, "blog"),
            lambda: next(client.check_many([anna], "blog")),
            lambda: client.record_consent(anna, "blog", EVIDENCE),
            lambda: client.withdraw(anna),
        ):
            with pytest.raises(ServiceUnavailable, match="do not send") as caught:
                call()
            assert_tells_nothing(caught.value, anna, key)

        network.admit()
        assert client.check(anna, "blog").allowed


def test_an_outage_amid_many_keeps_the_answers_there_were(network: Relay, key: str) -> None:
    with Client(f"http://127.0.0.1:{network.port}", key) as client:
        answers = client.check_many(many(10_001), "blog")
        first = [next(answers) for _ in range(10_000)]
        network.refuse()
        network.cut()

        with pytest.raises(ServiceUnavailable):
            next(answers)

    assert len(first) == 10_000


def test_without_its_database_the_service_is_out(tmp_path: Path, postgres_server: Postgres) -> None:
    url = postgres_server.create_database()
    with serving(build(tmp_path, url)) as web, Client(web.origin, web.api_key()) as client:
        client.check("anna@example.com", "blog")
        postgres_server.drop(url)

        with pytest.raises(ServiceUnavailable, match="503"):
            client.check("anna@example.com", "blog")


@pytest.mark.parametrize("write", ["record_consent", "withdraw"])
def test_a_write_whose_answer_was_lost_is_repeated_and_makes_one_event(
    web: Served, network: Relay, key: str, write: str
) -> None:
    anna, before = unique("anna"), len(web.log())
    with Client(f"http://127.0.0.1:{network.port}", key) as client:
        network.cut_after(10)

        event_id = client.withdraw(anna) if write == "withdraw" else client.record_consent(anna, "blog", EVIDENCE)

    assert web.log()[before:].count('"status": 200') == 2
    assert len(events(web.here)[int(event_id.split("-")[0], 16)]) == 1
