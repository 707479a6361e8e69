"""Bounces, by report and by prose: `vectors/bounces.toml` has the cases and why."""

import tomllib
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.classify import classify
from mailconsent.classify.bounce import mentioned, report, status
from mailconsent.errors import InvalidToken
from mailconsent.message import parse_message
from mailconsent.model import Label, LegalBasis, UnsubscribeClaim

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "bounces.toml").read_text("utf-8"))
TOKEN = "a2" * 28
CLAIM = UnsubscribeClaim(digest=b"anna".ljust(16), generation=1, topic=7, basis=LegalBasis.CONSENT)
ANNA = ("anna@example.com",)


def read_token(text):
    if text == TOKEN:
        return CLAIM
    raise InvalidToken


def judged(raw):
    return classify(parse_message(raw.encode("utf-8") if isinstance(raw, str) else raw), read_token)


def reported(block):
    return f"""From: MAILER-DAEMON@mx.example.com
To: shop@shop.example
Subject: Undelivered Mail Returned to Sender
Return-Path: <>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

It was not delivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

{block.strip()}

--b
Content-Type: text/rfc822-headers

List-Unsubscribe: <https://shop.example/u/{TOKEN}>
--b--
"""


def told(vector):
    kind, text = ("html", vector["html"]) if "html" in vector else ("plain", vector["text"])
    path = f"Return-Path: <{vector['return_path']}>\n" if "return_path" in vector else ""
    return (
        f"{path}From: {vector['from']}\nTo: shop@shop.example\nSubject: {vector['subject']}\n"
        f"Content-Type: text/{kind}; charset=utf-8\n\n{text.lstrip()}\n"
    )


@pytest.mark.parametrize("vector", VECTORS["report"], ids=lambda vector: vector["why"])
def test_a_report_is_what_its_codes_say(vector):
    found = judged(reported(vector["block"]))

    assert (found.label, found.reason) == (vector["label"], vector["reason"])
    assert found.detector == "bounce"
    assert found.addresses == tuple(vector.get("addresses", ANNA))
    assert found.claims == (() if found.label == Label.AUTO_REPLY else (CLAIM,)), "the returned header has our token"


@pytest.mark.parametrize("vector", VECTORS["prose"], ids=lambda vector: vector["why"])
def test_prose_is_what_it_says_before_the_returned_message(vector):
    found = judged(told(vector))

    assert found.label == vector["label"], found
    assert found.reason == vector.get("reason", found.reason)
    assert found.addresses == tuple(vector.get("addresses", ANNA))


@pytest.mark.parametrize(
    ("label", "text"),
    [(f"bounce_{kind}", text) for kind in ("hard", "soft", "unknown") for text in VECTORS["words"][0][kind]],
    ids=lambda value: value[:40],
)
def test_the_words_of_many_languages_stand_for_a_status(label, text):
    vector = {
        "from": "MAILER-DAEMON@mx.example.com",
        "subject": "failure notice",
        "text": f"<anna@example.com>:\n{text}",
    }
    found = judged(told(vector))

    assert found.label == label, found.reason
    assert found.addresses == ANNA


@pytest.mark.parametrize("code", [f"5.7.{number}" for number in range(60) if number not in (13, 17, 18)])
@pytest.mark.parametrize("words", ["user unknown", "mailbox full", "no such domain", "account disabled"])
def test_5_7_x_is_never_about_the_address(code, words):
    assert status.judge(status.weigh(code, words)[0]) == Label.BOUNCE_UNKNOWN


@given(
    code=st.from_regex(r"4\.[0-9]{1,2}\.[0-9]{1,3}", fullmatch=True),
    words=st.sampled_from(["user unknown", "full", ""]),
)
def test_4_x_is_never_hard(code, words):
    assert status.judge(status.weigh(code, words)[0]) == Label.BOUNCE_SOFT


@pytest.mark.parametrize("meaning", status.load_meanings(), ids=lambda meaning: meaning.status)
def test_each_meaning_has_a_status_that_it_stands_for(meaning):
    assert status.STATUS.fullmatch(meaning.status)
    assert meaning.overrules is (
        status.judge(meaning.status) != Label.BOUNCE_HARD and meaning.status not in ("5.3.4", "4.4.7")
    )


@pytest.mark.parametrize(
    ("word", "address"),
    [
        ("anna@example.com...", "anna@example.com"),
        ("rfc822;anna@example.com", ""),  # parted at the semicolon before
        ("TO:anna@example.com:", "anna@example.com"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("'anna@example.com'", "anna@example.com"),
        ("anna@example.com:550", "anna@example.com"),
        ("jørgen@bücher.example", "jørgen@bücher.example"),
        ("anna@localhost", ""),  # in prose, a name without a dot is a machine's
        ("a@b@example.com", ""),
        ("@example.com", ""),
        ("anna@", ""),
    ],
)
def test_a_word_of_prose_is_an_address_or_not(word, address):
    assert mentioned.read_address(word) == address or word.startswith("rfc822")


def test_help_desks_and_ourselves_are_nobody_it_could_not_reach():
    text = "The message from shop@shop.example failed. Ask postmaster@example.com.\n\nanna@example.com\n"

    assert mentioned.find_recipients(text, (), frozenset({"shop@shop.example"})) == ANNA


def test_a_bounce_with_our_token_names_its_owner():
    vector = {
        "from": "MAILER-DAEMON@mx.example.com",
        "subject": "failure notice",
        "text": f"https://shop.example/u/{TOKEN}",
    }

    assert judged(told(vector)).claims == (CLAIM,)


def bomb(body, kind="text/plain"):
    return f"From: MAILER-DAEMON@mx.example.com\nSubject: failure notice\nContent-Type: {kind}\n\n{body}"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "raw",
    [
        bomb("anna@example.com " * 60_000),
        bomb("<" * 900_000, "text/html"),
        bomb("<style>" * 100_000, "text/html"),
        bomb("expanded from " * 60_000),
        bomb("expanded" + " " * 900_000),
        bomb("Final-Recipient: rfc822; a@b.example\nAction: failed\n\n" * 15_000),
        bomb("550 5.1.1 (" * 80_000),
        bomb("#5.1." * 150_000),
        bomb("mailbox mailbox " * 60_000),
        bomb("無" * 300_000),
        bomb("[" * 900_000).replace("[", '{"a":', 1),
        bomb('{"bounce":' * 80_000),
        bomb("a:" * 400_000 + "@example.com"),
        reported("Final-Recipient: utf-8; " + "\\x{" * 200_000 + "\nAction: failed"),
        reported("Final-Recipient: rfc822; a@b.example\nAction: failed\nDiagnostic-Code: " + "550-" * 200_000),
    ],
    ids=range(15),
)
def test_a_bounce_that_is_a_bomb_is_judged(raw):
    """No tight limit: something quadratic would take minutes."""
    assert judged(raw).label.startswith("bounce") or judged(raw).label == Label.AUTO_REPLY


@given(st.text(max_size=2_000))
def test_any_text_from_a_mailer_daemon_is_some_answer(text):
    message = EmailMessage()
    message["From"] = "MAILER-DAEMON@mx.example.com"
    message.set_payload(text, "utf-8")

    assert judged(message.as_bytes()).detector in ("bounce", "token", "complaint")


@given(st.text(max_size=500))
def test_any_text_is_searched_for_reports(text):
    assert isinstance(report.blocks_in_text(text), list)
