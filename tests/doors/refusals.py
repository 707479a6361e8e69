"""What the API refuses: requests as data, each with the status it gets and why."""

import json
from dataclasses import dataclass, field

from web import MAX_BODY

CHECK = {"topic": "blog", "addresses": ["anna@example.com"]}
CONSENT = {"address": "anna@example.com", "topic": "blog", "evidence": {"wording": "Yes"}}
WITHDRAWAL = {"address": "anna@example.com"}
SUPPRESSION = {"domain": "partner.example", "reason": "They asked for it.", "source": "letter/12"}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One request that is not answered with 200."""

    path: str
    body: bytes
    status: int
    why: str
    #: In place of those of a good request; an empty text leaves the header out.
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.path}-{self.status}-{self.why}"


def _of_check(**change: object) -> bytes:
    return json.dumps(CHECK | change).encode()


def _of_consent(**change: object) -> bytes:
    return json.dumps(CONSENT | change).encode()


NOT_JSON = [
    Refusal(path="check", body=body, status=400, why=why)
    for body, why in [
        (b"", "nothing"),
        (b"topic=blog&addresses=anna@example.com", "a form"),
        (b'{"topic": "blog", "addresses": ["anna@example.com"]', "cut off"),
        (b'{"topic": "blog", "addresses": ["anna@example.com"],}', "a comma too many"),
        (b"{'topic': 'blog', 'addresses': ['anna@example.com']}", "Python and not JSON"),
        (b'{"topic": NaN, "addresses": ["anna@example.com"]}', "RFC 8259 section 6: no NaN"),
        (b'{"topic": "blog", "addresses": [-Infinity]}', "no infinity"),
        (b'{"topic": "blog", "addresses": ["anna@example.com\n"]}', "a line break in a text"),
        (b'{"topic": "bl\xf8g", "addresses": []}', "Latin-1; RFC 8259 section 8.1: UTF-8"),
        (b'{"topic": "blog", "addresses": ["\xed\xa0\x80@example.com"]}', "half a character, which UTF-8 has not"),
        (json.dumps(CHECK).encode("utf-16"), "UTF-16"),
        (b"\xef\xbb\xbf" + json.dumps(CHECK).encode(), "a byte order mark"),
        (b"[" * 100_000, "deeper than any stack"),
        (b'{"topic":' * 100_000, "so too"),
        (b"1" * 100_000, "more digits than Python reads"),
        (b"\x00" * 100, "NUL bytes"),
    ]
]

NOT_OF_THIS_SHAPE = [
    *(
        Refusal(path="check", body=body, status=422, why=why)
        for body, why in [
            (b"null", "nothing"),
            (b"[]", "a list"),
            (b'"anna@example.com"', "a text"),
            (b'{"topic":"blog"}', "no addresses"),
            (b'{"addresses":["anna@example.com"]}', "no topic: never all topics"),
            (_of_check(topic=None), "so too"),
            (_of_check(topic=1), "the number of a topic is ours"),
            (_of_check(topic=["blog", "alerts"]), "two topics"),
            (_of_check(topic="x" * 41), "longer than any topic"),
            (_of_check(addresses="anna@example.com"), "one text, not a list"),
            (_of_check(addresses={"anna@example.com": 1}), "a mapping"),
            (_of_check(addresses=[None]), "null among them"),
            (_of_check(addresses=[["anna@example.com"]]), "a list among them"),
            (_of_check(addresses=[]), "nobody"),
            (_of_check(addresses=["a@b"] * 10_001), "one too many"),
            (_of_check(addresses=["x" * 1001]), "longer than any address"),
            (_of_check(headers=1), "not a boolean"),
            (_of_check(headers="true"), "nor is this"),
            (_of_check(headers=None), "nor this"),
            (_of_check(header=True), "a key misspelt"),
            (_of_check(**{"anna@example.com": True}), "an address as a key"),
            (b'{"topic":"blog","topic":"alerts","addresses":["a@b"]}', "a key twice: which one counts?"),
            (b'{"topic":"blog","addresses":["\\ud800@example.com"]}', "half a character"),
            (b'{"topic":"blog","addresses":["a@b"],"\\udfff":1}', "half a character as a key"),
            (b'{"a":' * 300 + b"1" + b"}" * 300, "deep, though Python can read it"),
        ]
    ),
    *(
        Refusal(path="consents", body=body, status=422, why=why)
        for body, why in [
            (json.dumps(WITHDRAWAL | {"topic": "blog"}).encode(), "no evidence"),
            (_of_consent(evidence={}), "empty evidence"),
            (_of_consent(evidence=["Yes"]), "evidence without names"),
            (_of_consent(evidence="Yes"), "so too"),
            (_of_consent(evidence={"time": 1}), "a number"),
            (_of_consent(evidence={"form": {"id": "1"}}), "a mapping within"),
            (_of_consent(evidence={f"name {number}": "x" for number in range(41)}), "too many"),
            (_of_consent(evidence={"x" * 81: "y"}), "a name too long"),
            (_of_consent(evidence={"wording": "x" * 4001}), "a text too long"),
            (b'{"address":"a@b.example","topic":"blog","evidence":{"w":"1","w":"2"}}', "a name twice"),
            (b'{"address":"a@b.example","topic":"blog","evidence":{"\\ud800":"x"}}', "half a character"),
            (_of_consent(route="hearsay"), "no such route"),
            (_of_consent(route=["paper"]), "a list of routes"),
            (_of_consent(country="Denmark"), "a name, not a code"),
            (_of_consent(country="dk"), "small letters"),
            (_of_consent(partial="yes"), "not a boolean"),
            (_of_consent(notice="Yes, send me the blog."), "a text of no version"),
            (_of_consent(notice={"sha256": "x"}), "not a hash"),
            (_of_consent(notice={"text": "x" * 20_001}), "a book"),
            (_of_consent(notice={"wording": "x"}), "a key of no notice"),
            (_of_consent(topic=None), "a consent to everything is none: GDPR recital 43"),
            (_of_consent(address=["anna@example.com"]), "a list"),
            (_of_consent(occurred_at=1772354400), "a number: seconds or milliseconds?"),
            (_of_consent(occurred_at="1772354400"), "the same as a text"),
            (_of_consent(occurred_at="2026-03-01"), "a day"),
            (_of_consent(occurred_at="2026-03-01T09:30:00"), "no time zone"),
            (_of_consent(occurred_at="2026-13-01T09:30:00Z"), "no such month"),
            (_of_consent(occurred_at="yesterday"), "not RFC 3339"),
            (_of_consent(occurred_at="0001-01-01T00:00:00+14:00"), "before the first day in UTC"),
            (_of_consent(occurred_at=True), "not a time at all"),
            (_of_consent(language="DA"), "lower case"),
            (_of_consent(language="da\n"), "a line break"),
            (_of_consent(language="danish"), "a word"),
            (_of_consent(source="x" * 65), "too long"),
            (_of_consent(source="form 1"), "a blank"),
            (_of_consent(source="anna@example.com"), "an address, which could not be erased from the ledger"),
            (_of_consent(grade="A"), "a grade is not the caller's to claim"),
        ]
    ),
    *(
        Refusal(path="withdrawals", body=json.dumps(WITHDRAWAL | change).encode(), status=422, why=why)
        for change, why in [
            ({"address": None}, "nobody"),
            ({"topic": ["blog"]}, "a list"),
            ({"topic": 0}, "a number, though 0 means all to us"),
            ({"topics": None}, "a key misspelt must not become all"),
            ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "before the first day in UTC"),
        ]
    ),
    *(
        Refusal(path="suppressions", body=json.dumps(SUPPRESSION | change).encode(), status=422, why=why)
        for change, why in [
            ({"domain": None}, "nothing is not a domain"),
            ({"domain": ["partner.example"]}, "a list"),
            ({"domain": "x" * 1001}, "longer than any domain"),
            ({"domain": "gmail.com", "yes": True}, "whatever is claimed"),
            ({"source": "anna@example.com"}, "an address, which could not be erased from the ledger"),
            ({"reason": 1}, "a number"),
        ]
    ),
    *(
        Refusal(path="suppressions/list", body=json.dumps(asked).encode(), status=422, why=why)
        for asked, why in [
            ({"limit": 0}, "nothing"),
            ({"limit": 1001}, "more than a page"),
            ({"limit": "10"}, "a text"),
            ({"after": "anna@example.com"}, "not an event"),
            ({"after": "8000000000000000-1"}, "more than any recipient's number"),
            ({"after": "1-9999999999"}, "more than any event's"),
            ({"page": 2}, "a key misspelt"),
        ]
    ),
]

NOT_WELCOME = [
    Refusal(path="check", body=b" " * (MAX_BODY + 1), status=413, why="too large"),
    *(
        Refusal(path="check", body=json.dumps(CHECK).encode(), status=415, why=why, headers={"Content-Type": text})
        for text, why in [
            ("", "no type at all"),
            ("text/plain", "a text"),
            ("application/x-www-form-urlencoded", "what curl says unless told otherwise"),
            ("application/json-patch+json", "JSON of another kind"),
            ("application/json, text/plain", "two"),
        ]
    ),
    *(
        Refusal(path="check", body=json.dumps(CHECK).encode(), status=401, why=why, headers={"Authorization": text})
        for text, why in [
            ("", "no key"),
            ("Bearer", "no key after all"),
            ("Bearer ", "so too"),
            ("Basic bWM6c2VjcmV0", "another scheme"),
            ("Bearer secret", "not like a key of ours"),
            (f"Bearer mc_{'0' * 12}_{'0' * 64}", "nobody's"),
            (f"Bearer mc_{'0' * 5000}", "long"),
            ("Bearer mc_ø_ø", "not ASCII"),
            ("Bearer mc_\x00_", "a NUL"),
            (f"Bearer mc_{'0' * 12}_{'0' * 64} mc_{'0' * 12}_{'0' * 64}", "two"),
        ]
    ),
    *(
        Refusal(path="consents", body=_of_consent(), status=422, why=why, headers={"Idempotency-Key": text})
        for text, why in [
            (" ", "blank"),
            ("a b", "a blank within"),
            ("ø", "not ASCII"),
            ("x" * 201, "long"),
        ]
    ),
]

REFUSALS = NOT_JSON + NOT_OF_THIS_SHAPE + NOT_WELCOME
