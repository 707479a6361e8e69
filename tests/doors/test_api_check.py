"""The question before every send: may I mail these addresses about this topic?"""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailconsent.client import Answer
from mailconsent.model import LegalBasis, Reason
from mailconsent.services.installation import Installation
from mailconsent.store.access import Scope
from tests.cast import ANNA, BO, CECILIA
from tests.doors.serving import Sender, many, told
from tests.houses import build

HTTPS = "https://mail.example.com"
TOKEN = "[a-z2-7]{56}"


def verdict(address: str, reason: str, **more: object) -> dict[str, object]:
    return {"address": address, "allowed": False, "reason": reason, "legal_basis": None, "event_id": None} | more


def test_a_yes_names_its_legal_basis_and_the_event_behind_it(sender: Sender) -> None:
    event = told(sender.consent(ANNA))["event_id"]

    (answer,) = sender.check(ANNA)

    assert answer == {
        "address": ANNA,
        "allowed": True,
        "reason": "consent",
        "legal_basis": "consent",
        "event_id": event,
    }


def test_without_a_ground_the_answer_is_no(sender: Sender) -> None:
    assert sender.check(ANNA) == [verdict(ANNA, "no_legal_basis")]


def test_a_consent_to_one_topic_says_nothing_about_another(sender: Sender) -> None:
    sender.consent(ANNA, "blog")

    assert sender.check(ANNA, topic="alerts") == [verdict(ANNA, "no_legal_basis")]


def test_a_no_names_its_reason_and_the_event_that_decided(sender: Sender) -> None:
    sender.consent(ANNA)
    event = told(sender.withdraw(ANNA))["event_id"]

    assert sender.check(ANNA) == [verdict(ANNA, "withdrawn", event_id=event)]


def test_verdicts_come_in_the_order_of_the_addresses(sender: Sender) -> None:
    sender.consent(BO)
    sender.consent(CECILIA)
    sender.withdraw(CECILIA)
    asked = [CECILIA, ANNA, BO, "nobody", ANNA, CECILIA]

    answers = sender.check(*asked)

    assert [answer["address"] for answer in answers] == asked
    assert [answer["reason"] for answer in answers] == [
        "withdrawn",
        "no_legal_basis",
        "consent",
        "invalid_address",
        "no_legal_basis",
        "withdrawn",
    ]


def test_an_address_asked_for_twice_is_answered_twice(sender: Sender) -> None:
    sender.consent(ANNA)

    first, shouted, last = sender.check(ANNA, ANNA.upper(), ANNA)

    assert first == last
    assert shouted == first | {"address": ANNA.upper()}


NO_ADDRESSES = {
    "": "nothing",
    "anna": "no @",
    "@example.com": "nobody",
    "anna@": "nowhere",
    "@": "neither",
    " \t": "blank",
    "\u0000": "a NUL, which PostgreSQL would not take as a text",
    "x" * 1000: "as long as may be",
}


def test_what_is_no_address_is_a_verdict_and_no_error(sender: Sender) -> None:
    sender.consent(ANNA)

    *odd, anna = sender.check(*NO_ADDRESSES, ANNA)

    assert odd == [verdict(address, "invalid_address") for address in NO_ADDRESSES]
    assert anna["allowed"]


def test_ten_thousand_addresses_are_answered_at_once(sender: Sender) -> None:
    asked = many(10_000)
    for address in (asked[0], asked[4_999], asked[-1]):
        sender.consent(address)

    answers = sender.check(*asked)

    assert [answer["address"] for answer in answers] == asked
    allowed = [place for place, answer in enumerate(answers) if answer["allowed"]]
    assert allowed == [0, 4_999, 9_999]


def test_one_more_is_refused_whole(sender: Sender) -> None:
    answer = sender.post("check", {"topic": "blog", "addresses": many(10_001)})

    assert answer.status_code == 422
    assert [fault["place"] for fault in told(answer)["errors"]] == ["addresses"]


def test_nobody_at_all_is_refused(sender: Sender) -> None:
    assert sender.post("check", {"topic": "blog", "addresses": []}).status_code == 422


def test_an_unknown_topic_is_refused_and_never_taken_for_all(sender: Sender) -> None:
    sender.consent(ANNA)

    for topic in ("", "all", "*", "0", "1", "Blog", "blog ", "blogs"):
        answer = sender.post("check", {"topic": topic, "addresses": [ANNA]})

        assert answer.status_code == 422, topic
        assert told(answer)["detail"] == "There is no such topic in the policy.", topic


def test_transactional_mail_needs_a_scope_of_its_own(installation: Installation) -> None:
    plain, trusted = Sender(installation, Scope.CHECK), Sender(installation, Scope.CHECK, Scope.CHECK_TRANSACTIONAL)
    question = {"topic": "orders", "addresses": [ANNA]}

    refused = plain.post("check", question)

    assert (refused.status_code, told(refused)["detail"]) == (
        403,
        "This API key lacks the scope check:transactional.",
    )
    assert trusted.check(ANNA, topic="orders") == [
        verdict(ANNA, "transactional", allowed=True, legal_basis="transactional")
    ]


def test_an_opt_out_does_not_stop_an_invoice(sender: Sender) -> None:
    sender.withdraw(ANNA)

    assert sender.check(ANNA, topic="orders", headers=True) == [
        verdict(ANNA, "transactional", allowed=True, legal_basis="transactional")
    ]


def test_only_a_marketing_yes_brings_a_link_and_only_when_asked(sender: Sender) -> None:
    sender.consent(ANNA)
    sender.withdraw(BO)

    anna, bo, cecilia, nobody = sender.check(ANNA, BO, CECILIA, "nobody", headers=True)
    (order,) = sender.check(ANNA, topic="orders", headers=True)
    (unasked,) = sender.check(ANNA)

    assert set(anna["headers"]) == {"List-Unsubscribe", "List-Unsubscribe-Post", "List-Id"}
    assert anna["unsubscribe_url"].startswith("http")
    for without in (bo, cecilia, nobody, order, unasked):
        assert not {"headers", "unsubscribe_url"} & set(without)


def permit(folder: Path, *, mailto: str) -> tuple[dict[str, str], str]:
    """The header fields and the link of a yes, where web and mail reach us so."""
    settings = {"MAILCONSENT_BASE_URL": HTTPS, "MAILCONSENT_MAILTO": mailto}
    with build(folder, f"sqlite:///{folder}/mailconsent.db", settings).opened() as here:
        sender = Sender(here)
        sender.consent(ANNA)
        (answer,) = sender.check(ANNA, headers=True)
    return answer["headers"], answer["unsubscribe_url"]


@pytest.mark.parametrize(
    ("mailto", "mail", "why"),
    [
        ("u@example.com", rf"mailto:u\+({TOKEN})@example\.com\?subject=unsubscribe", "Apple Mail drops the subject"),
        ("contact@example.com", rf"mailto:contact\+({TOKEN})@example\.com\?subject=unsubscribe", "64 octets: allowed"),
        ("contacts@example.com", rf"mailto:contacts@example\.com\?subject=unsubscribe%20({TOKEN})", "65: too many"),
    ],
)
def test_the_header_fields_let_a_mail_client_unsubscribe(tmp_path: Path, mailto: str, mail: str, why: str) -> None:
    headers, url = permit(tmp_path, mailto=mailto)

    found = re.fullmatch(rf"<{HTTPS}/u/({TOKEN})>, <{mail}>", headers["List-Unsubscribe"])

    assert found, why
    assert found[1] == found[2]
    assert url == f"{HTTPS}/u/{found[1]}"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Id"] == '"Blog newsletter" <blog.example.com>'


def test_the_link_names_nobody(tmp_path: Path) -> None:
    headers, url = permit(tmp_path, mailto="u@example.com")

    assert "anna" not in f"{headers}{url}"


def test_the_header_fields_survive_python_s_own_message(tmp_path: Path) -> None:
    headers, url = permit(tmp_path, mailto="contacts@example.com")
    message = EmailMessage()
    message["List-Unsubscribe"] = "<https://old.example.com/>"
    answer = Answer(
        address=ANNA,
        allowed=True,
        reason=Reason.CONSENT,
        legal_basis=LegalBasis.CONSENT,
        event_id="1-1",
        headers=headers,
        unsubscribe_url=url,
    )

    answer.put_into(message)
    message.set_content("Hello Anna, this is the blog newsletter.")

    raw = message.as_bytes()
    for name, value in headers.items():
        # As bytes: read back by Python, an encoded link would look whole, and no mail client could follow it.
        assert f"\n{name}: {value}\n".encode() in b"\n" + raw
        assert message_from_bytes(raw, policy=policy.default).get_all(name) == [value]
