"""The header fields that let a recipient unsubscribe (RFC 2369, RFC 8058, RFC 2919)."""

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.headers import mailing_headers, unsubscribe_mailto, unsubscribe_url
from mailconsent.model import LegalBasis, MailKind, UnsubscribeClaim
from mailconsent.policy import Topic
from mailconsent.tokens import TokenSigner

TOKEN = TokenSigner([b"1" * 32]).sign(
    UnsubscribeClaim(digest=bytes(16), generation=1, topic=1, basis=LegalBasis.CONSENT)
)
BASE_URL = "https://mail.example.com"
#: As a policy allows them: printable, on one line.
NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=120)


def topic(name="Blog newsletter"):
    return Topic(number=1, key="blog", kind=MailKind.MARKETING, list_id="blog.example.com", names={"en": name})


def headers(name="Blog newsletter", mailto="contact@example.com"):
    return mailing_headers(TOKEN, topic(name), "en", BASE_URL, mailto)


def test_the_header_fields_are_those_of_rfc_8058():
    assert headers() == {
        "List-Unsubscribe": f"<https://mail.example.com/u/{TOKEN}>, "
        f"<mailto:contact+{TOKEN}@example.com?subject=unsubscribe>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": '"Blog newsletter" <blog.example.com>',
    }


def test_https_comes_before_mailto():
    first, second = headers()["List-Unsubscribe"].split(", ")

    assert first == f"<{unsubscribe_url(TOKEN, BASE_URL)}>"
    assert second.startswith("<mailto:")


@pytest.mark.parametrize(
    ("local", "token_in", "why"),
    [
        ("u", "local part", "1 + 1 + 56 octets"),
        ("contact", "local part", "7 + 1 + 56 = 64, the most that RFC 5321 allows"),
        ("contacts", "subject", "one more is too many"),
        ("customer.service", "subject", "far too many"),
        ("kühe", "local part", "octets are counted, not letters: 5"),
        ("küheküh", "subject", "9 octets in 7 letters"),
    ],
)
def test_the_token_goes_where_there_is_room(local, token_in, why):
    parts = urlsplit(unsubscribe_mailto(TOKEN, f"{local}@example.com"))
    to, subject = unquote(parts.path), parse_qs(parts.query)["subject"][0]

    assert to.endswith("@example.com"), why
    assert len(to.rpartition("@")[0].encode()) <= 64, why
    if token_in == "local part":
        assert (to, subject) == (f"{local}+{TOKEN}@example.com", "unsubscribe"), why
    else:
        assert (to, subject) == (f"{local}@example.com", f"unsubscribe {TOKEN}"), why


def test_a_link_in_the_footer_is_the_one_in_the_header():
    assert unsubscribe_url(TOKEN, BASE_URL) == f"https://mail.example.com/u/{TOKEN}"


@given(NAMES)
def test_a_list_keeps_its_name_whatever_letters_it_has(name):
    phrase = headers(name)["List-Id"].removesuffix(" <blog.example.com>")

    if name.isascii():
        assert phrase[0] == phrase[-1] == '"'
        assert re.sub(r"\\(.)", r"\1", phrase[1:-1]) == name
    else:
        assert str(make_header(decode_header(phrase))) == name
        # RFC 2047 section 2: an encoded word has at most 75 letters; a longer name takes several.
        assert max(map(len, phrase.split(" "))) <= 75


@given(NAMES)
def test_every_field_is_one_line_of_ascii(name):
    for value in headers(name).values():
        assert value.isascii()
        assert value.isprintable()


@pytest.mark.parametrize(
    "name", ["Blog newsletter", 'Say "hello"', "back\\slash", "Blog-nyhedsbrev på dansk", "日本" * 30]
)
def test_a_message_that_carries_them_reads_back_the_same(name):
    mail = EmailMessage()
    for field, value in headers(name).items():
        mail[field] = value
    mail.set_content("Hello Anna")

    back = message_from_bytes(mail.as_bytes(policy=policy.SMTP), policy=policy.SMTP)

    assert "".join(back["List-Unsubscribe"].split()) == "".join(headers(name)["List-Unsubscribe"].split())
    assert back["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "<blog.example.com>" in back["List-Id"]
