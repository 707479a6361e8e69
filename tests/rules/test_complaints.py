"""Complaints, by report and by form: `vectors/complaints.toml` has the cases and why."""

import tomllib
from pathlib import Path

import pytest

from mailconsent.classify import classify
from mailconsent.errors import InvalidToken
from mailconsent.message import parse_message
from mailconsent.model import Label, LegalBasis, UnsubscribeClaim

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "complaints.toml").read_text("utf-8"))["complaint"]
TOKEN = "a2" * 28
CLAIM = UnsubscribeClaim(digest=b"anna".ljust(16), generation=1, topic=7, basis=LegalBasis.CONSENT)


def read_token(text):
    if text == TOKEN:
        return CLAIM
    raise InvalidToken


def judged(raw):
    return classify(parse_message(raw.encode()), read_token)


def written(vector):
    parts = [f"Content-Type: text/plain\n\n{vector.get('text', 'This is a report.')}"]
    if "report" in vector:
        parts.append(f"Content-Type: message/feedback-report\n\n{vector['report']}")
    if "original" in vector:
        parts.append(f"Content-Type: message/rfc822\n\n{vector['original'].replace('TOKEN', TOKEN)}\n\nNews")
    kind = "report; report-type=feedback-report" if "report" in vector else "mixed"
    body = "".join(f"--b\n{part}\n" for part in parts)
    fields = f"{vector['fields']}\n" if "fields" in vector else ""
    return (
        f"From: {vector.get('from', 'fbl@provider.example')}\nTo: shop@shop.example\n"
        f"Subject: {vector.get('subject', 'Report')}\n{fields}"
        f"Content-Type: multipart/{kind}; boundary=b\n\n{body}--b--\n"
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_a_complaint_is_what_its_report_or_its_form_says(vector):
    found = judged(written(vector))

    assert found.label == vector["label"], found
    assert found.reason == vector.get("reason", found.reason)
    assert found.addresses == tuple(vector["addresses"])
    assert found.named == tuple(vector.get("named", ()))
    assert found.claims == ((CLAIM,) if vector.get("claims") else ())


def test_our_token_leads_where_reporters_took_out_every_address():
    found = judged(written(VECTORS[0]))

    assert (found.label, found.addresses, found.claims) == (Label.COMPLAINT, (), (CLAIM,))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ['{"complaint":' * 60_000, "{" * 500_000, "this is an " * 60_000])
def test_a_form_that_is_a_bomb_is_no_complaint(text):
    vector = {"from": "staff@hotmail.com", "subject": "x", "text": text}

    assert judged(written(vector)).label != Label.COMPLAINT
