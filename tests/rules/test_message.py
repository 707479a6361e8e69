"""Bytes to `InboundMessage`: what is read, what is capped, and what must never break it."""

import base64
import codecs
import dataclasses
import encodings
import quopri
import tracemalloc
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent import charset, mime
from mailconsent.message import MAX_LINES, MAX_MESSAGE, MAX_TEXT, InboundMessage, content_identity, parse_message

PLAIN = (
    b"Return-Path: <anna@example.com>\n"
    b"Message-ID: <1@example.com>\n"
    b"Date: Mon, 3 Mar 2025 10:00:00 +0100\n"
    b"From: Anna Holm <anna@example.com>\n"
    b"To: contact@shop.example\n"
    b"Subject: Hello\n"
    b"\n"
    b"Good morning.\n"
)


def header(line: bytes) -> InboundMessage:
    return parse_message(line + b"\n\nbody\n")


class TestWhatIsRead:
    def test_the_fields_of_a_plain_message(self):
        message = parse_message(PLAIN)

        assert message.message_id == "<1@example.com>"
        assert message.date == "Mon, 3 Mar 2025 10:00:00 +0100"
        assert message.from_addresses == ("anna@example.com",)
        assert message.recipient_addresses == ("contact@shop.example",)
        assert message.subject == "Hello"
        assert message.return_path == "anna@example.com"
        assert message.content_type == "text/plain"
        assert message.text == "Good morning."
        assert (message.truncated, message.defect) == (False, None)

    @pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\r\r\n"])
    def test_every_kind_of_line_end(self, end):
        assert parse_message(PLAIN.replace(b"\n", end)) == parse_message(PLAIN)

    @pytest.mark.parametrize("before", [b"From anna@example.com Mon Mar  3 10:00:00 2025\n", b"\n\n", b"   \n"])
    def test_what_exports_of_mailboxes_leave_at_the_top_is_skipped(self, before):
        assert parse_message(before + PLAIN) == parse_message(PLAIN)

    def test_the_null_return_path_is_not_a_missing_one(self):
        assert header(b"Return-Path: <>").return_path == ""
        assert header(b"Subject: x").return_path is None

    def test_recipients_come_from_every_field_that_servers_add(self):
        names = (b"To", b"Cc", b"Delivered-To", b"X-Original-To", b"Envelope-To", b"X-Envelope-To", b"Apparently-To")
        raw = b"".join(b"%s: r%d@shop.example\n" % (name, n) for n, name in enumerate(names))

        assert parse_message(raw + b"\n").recipient_addresses == tuple(f"r{n}@shop.example" for n in range(7))

    def test_headers_keep_every_value_topmost_first(self):
        raw = b"Authentication-Results: mx.shop.example; spf=pass\nAUTHENTICATION-RESULTS: evil; spf=pass\n\n"

        assert parse_message(raw).headers["authentication-results"] == ("mx.shop.example; spf=pass", "evil; spf=pass")

    def test_folded_headers_are_one_line(self):
        assert header(b"Subject: one\n two\n\tthree").subject == "one two three"

    def test_the_text_is_the_first_part_that_says_something(self):
        raw = (
            b"Content-Type: multipart/mixed; boundary=a\n\n"
            b"--a\n\n  \n"
            b"--a\nContent-Disposition: attachment\n\nA file.\n"
            b"--a\n\nHello.\n"
            b"--a\n\nA footer of list software.\n--a--\nepilogue"
        )

        assert parse_message(raw).text == "Hello."

    def test_a_boundary_that_begins_like_another_does_not_end_it(self):
        raw = (
            b"Content-Type: multipart/mixed; boundary=a\n\n--a\n"
            b"Content-Type: multipart/alternative; boundary=ab\n\n--ab\n\nHello.\n--ab\nContent-Type: text/html\n\n"
            b"<p>Hello.\n--ab--\n--a--\n"
        )
        message = parse_message(raw)

        assert (message.text, message.html) == ("Hello.", "<p>Hello.")

    def test_an_attached_message_is_not_opened_but_its_header_is_read(self):
        raw = (
            b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\nLook.\n"
            b"--a\nContent-Type: message/rfc822\n\nSubject: unsubscribe\nTo: bo@example.net\n\nunsubscribe\n--a--\n"
        )
        message = parse_message(raw)

        assert message.text == "Look."
        assert message.original_headers["to"] == ("bo@example.net",)

    def test_the_parts_of_a_digest_are_attached_messages_though_they_do_not_say_so(self):
        """RFC 2046 section 5.1.5: somebody else wrote them."""
        raw = b"Content-Type: multipart/digest; boundary=a\n\n--a\n\nTo: bo@example.net\n\nunsubscribe\n--a--\n"
        message = parse_message(raw)

        assert (message.text, message.original_headers) == ("", {"to": ("bo@example.net",)})

    @pytest.mark.parametrize("kind", ["delivery-status", "global-delivery-status", "feedback-report"])
    @pytest.mark.parametrize("encoding", ["7bit", "base64", "quoted-printable"])
    def test_every_kind_of_report_is_read_though_it_is_encoded(self, kind, encoding):
        blocks = b"Status: 5.1.1\nX-Folded: a\n b\n\nFinal-Recipient: rfc822; anna@example.com\n"
        body = {"7bit": blocks, "base64": base64.encodebytes(blocks), "quoted-printable": quopri.encodestring(blocks)}
        head = f"Content-Type: message/{kind}\nContent-Transfer-Encoding: {encoding}\n\n".encode()
        raw = b"Content-Type: multipart/report; boundary=a\n\n--a\n" + head + body[encoding] + b"\n--a--\n"

        assert [fields for _kind, fields in parse_message(raw).reports] == [
            {"status": ("5.1.1",), "x-folded": ("a b",)},
            {"final-recipient": ("rfc822; anna@example.com",)},
        ]

    def test_returned_headers_are_read_with_and_without_their_message(self):
        for kind in (b"text/rfc822-headers", b"message/rfc822", b"message/global", b"message/rfc822-headers"):
            raw = b"Content-Type: multipart/report; boundary=a\n\n--a\nContent-Type: " + kind
            message = parse_message(raw + b"\n\nTo: anna@example.com\nX: y\n\nHello: there\n--a--\n")

            assert message.original_headers == {"to": ("anna@example.com",), "x": ("y",)}

    def test_the_blocks_of_a_report_are_read_one_by_one(self):
        raw = (
            b"Content-Type: multipart/report; report-type=Delivery-Status; boundary=a\n\n--a\n\nFailed.\n"
            b"--a\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n\nAction: failed\n"
            b"Status: 5.1.1\n\n"
            b"Action: delayed\n--a--\n"
        )
        message = parse_message(raw)

        assert message.report_type == "delivery-status"
        assert [sorted(fields) for _kind, fields in message.reports] == [
            ["reporting-mta"],
            ["action", "status"],
            ["action"],
        ]

    def test_a_message_is_a_value_that_cannot_be_changed(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            parse_message(PLAIN).subject = "other"


class TestAddresses:
    @pytest.mark.parametrize(
        ("value", "addresses"),
        [
            ("anna@example.com", ["anna@example.com"]),
            ("<anna@example.com>", ["anna@example.com"]),
            ("Anna Holm <Anna@Example.com>", ["Anna@Example.com"]),  # as given
            ('"Holm, Anna" <anna@example.com>', ["anna@example.com"]),
            ("Holm, Anna <anna@example.com>", ["anna@example.com"]),  # the comma should be quoted and often is not
            ('"bo@example.net" <anna@example.com>', ["anna@example.com"]),  # an address as display name
            ("bo@example.net <anna@example.com>", ["anna@example.com"]),
            ("bo@example.net via List <anna@example.com>", ["anna@example.com"]),
            ("anna@example.com (Anna (home) bo@example.net)", ["anna@example.com"]),
            ('"quote \\" <bo@example.net>" <anna@example.com>', ["anna@example.com"]),
            ("anna@example.com, Bo <bo@example.net>", ["anna@example.com", "bo@example.net"]),
            ("anna@example.com, ANNA@example.com", ["anna@example.com"]),  # each once
            ("Friends: anna@example.com, bo@example.net;", ["anna@example.com", "bo@example.net"]),
            ("undisclosed-recipients:;", []),
            ("<@relay.example:anna@example.com>", ["anna@example.com"]),  # a source route, RFC 5321 appendix C
            ('"anna holm"@example.com', []),  # legal, unseen in the wild, and no reason to guess
            ('"anna.holm"@example.com', ['"anna.holm"@example.com']),
            ("grüße@exämple.com", ["grüße@exämple.com"]),
            ("anna at example.com", []),
            ("<>", []),
            ("", []),
        ],
    )
    def test_only_the_address_of_a_mailbox_counts(self, value, addresses):
        assert list(header(f"From: {value}".encode()).from_addresses) == addresses

    @pytest.mark.parametrize(
        "value",
        [
            "(" * 101 + "anna@example.com",
            "a:" * 101 + "anna@example.com",
            "anna@example.com" + "(" * 4_000,
        ],
        ids=lambda value: value[:4],
    )
    def test_what_is_read_by_recursion_is_not_read_without_end(self, value):
        assert header(f"From: {value}".encode()).from_addresses == ()

    def test_a_group_of_a_common_size_is_read(self):
        value = ", ".join(f"Anna ({n}) <anna{n}@example.com>" for n in range(90))

        assert len(header(f"To: Friends: {value};".encode()).recipient_addresses) == 90

    def test_several_from_fields_are_several_senders(self):
        assert header(b"From: anna@example.com\nFrom: bo@example.net").from_addresses == (
            "anna@example.com",
            "bo@example.net",
        )


class TestLetters:
    @pytest.mark.parametrize(
        ("value", "subject"),
        [
            (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe_dir?=", "Grüße dir"),
            (b"=?UTF-8?b?R3LDvMOfZQ==?=", "Grüße"),
            (b"=?utf-8*de?b?R3LDvMOfZQ?=", "Grüße"),  # RFC 2231 language, padding lost
            (b"=?utf-8?q?Gr=C3?= =?utf-8?q?=BC=C3=9Fe?=", "Grüße"),  # a letter cut in two
            (b"Re: =?iso-8859-1?q?Gr=FC=DFe?= you", "Re: Grüße you"),
            (b"=?iso-8859-1?q?don=92t?=", "don’t"),  # Windows-1252 that says Latin-1
            ("Grüße".encode(), "Grüße"),
            ("Grüße".encode("latin-1"), "Grüße"),
            (b"=?x-nobody?q?abc?=", "abc"),
            (b"=?idna?q?xn--a?=", "xn--a"),  # a codec of Python, but no charset: quadratic
            (b"=?unicode_escape?q?=5Cud800?=", "\\ud800"),  # would be a lone surrogate
            (b"=?utf-8?q?open", "=?utf-8?q?open"),
            (b"=?utf-8?q?open =?utf-8?q?=41?= =?a?b?", "=?utf-8?q?open A =?a?b?"),
            (b"=?utf-8?Q?Really??= =?utf-8?q?_Why?_No?=", "Really? Why? No"),  # against section 2, and common
            (b"=?utf-8?b?A?=", "=?utf-8?b?A?="),  # one letter is no base64
            ("你好 =?utf-8?q?Gr=C3=BC=C3=9Fe?=".encode(), "你好 Grüße"),
            (b"\\u0041 =?utf-8?q?=5Cu0041?=", "\\u0041 \\u0041"),
            (b"=?utf-8?b?!!!?=", ""),
        ],
    )
    def test_subjects_are_read_in_whatever_letters(self, value, subject):
        assert header(b"Subject: " + value).subject == subject

    @pytest.mark.parametrize(
        ("charset", "body"),
        [
            ("utf-8", "Grüße".encode()),
            ("UTF-8", "Grüße".encode()),
            ("iso-8859-1", "Grüße".encode("latin-1")),
            ("us-ascii", "Grüße".encode()),
            ("us-ascii", "Grüße".encode("latin-1")),
            ("windows-1252", "Grüße".encode("cp1252")),
            ("nobody-knows", "Grüße".encode()),
            ('"utf-8', "Grüße".encode()),
            ("punycode", "Grüße".encode()),
        ],
    )
    def test_bodies_are_read_in_whatever_letters(self, charset, body):
        assert parse_message(f"Content-Type: text/plain; charset={charset}\n\n".encode() + body).text == "Grüße"

    def test_nul_bytes_are_dropped_since_no_database_takes_them(self):
        message = parse_message(b"Subject: a\0b\nFrom: a\0nna@example.com\n\nc\0d")

        assert (message.subject, message.text, message.from_addresses) == ("ab", "cd", ("anna@example.com",))

    @pytest.mark.parametrize("codec", sorted(charset.CHARSETS))
    def test_every_charset_gives_text_that_can_be_stored(self, codec):
        charset.decode_charset(bytes(range(256)) * 2, codec).encode("utf-8")

    @pytest.mark.parametrize(
        "charset",
        ["punycode", "idna", "zip", "bz2", "hex", "uu", "rot13", "unicode_escape", "utf-7",
         "undefined", "nobody-knows", "../x", "a\0b"],
    )  # fmt: skip
    def test_a_stranger_never_chooses_a_codec(self, charset):
        """Python's registry is asked for names we know only, in whatever place a name can stand."""
        asked = set()

        def search(name: str) -> codecs.CodecInfo | None:
            asked.add(name)
            return encodings.search_function(name)

        raw = (
            f"Subject: =?{charset}?q?=41?=\nFrom: =?{charset}?q?=41?= <anna@example.com>\n"
            f"Content-Type: multipart/report; boundary*={charset}''x; boundary*0*={charset}''x; boundary=b;"
            f" report-type*={charset}''x\n\n"
            f"--b\nContent-Type: text/plain; charset*={charset}''x; charset={charset}\n"
            f"Content-Disposition: inline; filename*={charset}''x\n\nGr\xfc\xdfe\n"
            f"--b\nContent-Type: text/rfc822-headers; charset={charset}\n\nTo: \xfc\n"
        ).encode("latin-1")
        codecs.unregister(encodings.search_function)  # which empties the registry's memory, too
        codecs.register(search)
        try:
            message = parse_message(raw)
        finally:
            codecs.unregister(search)
            codecs.register(encodings.search_function)

        assert (message.subject, message.text, message.defect) == ("A", "Grüße", None)
        assert asked <= {"cp1252", "raw_unicode_escape"}  # `decode_header` writes the latter, and reads none


class TestHostileInput:
    """Made to be slow, to recurse or to raise (see mailconsent/mime/). Here they only have to finish."""

    @pytest.mark.timeout(20)
    @pytest.mark.parametrize(
        "raw",
        [
            b"From: " + b"<" * 260_000,
            b"From: " + b"a@b," * 65_000,
            b"From: " + b"(" * 260_000,
            b"From: " + b'"' * 260_000,
            b"From: " + b'"@' * 130_000,
            b"From: " + b"a " * 130_000,
            (b"To: +" + b"a" * 8_000 + b"\n") * 120,
            b"Subject: " + b"=?utf-8?q?a" * 30_000,
            b"Subject: " + b"=?=" * 90_000,
            b"Subject: x" + b"\n " * 300_000,
            b"Content-Type: multipart/mixed; " + b";" * 500_000,
            b"Content-Type: multipart/mixed" + b"; boundary=" * 50_000,
            b"".join(b"X-%d: y\n" % n for n in range(100_000)),
            b"X: y\n" * 200_000,
            b"a" * 1_000_000,
            b"\n" * 1_000_000,
            b"\r" * 1_000_000,
            b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\n" * 200_000,
            b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--ab\n" * 200_000,
            b"Content-Type: multipart/mixed; boundary=\n\n" + b"--\n" * 300_000,
            b"Content-Type: message/rfc822\n\n" * 30_000,
            b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + b"=" * 900_000,
            b"Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n" + b"=\n" * 400_000,
            b"Content-Type: message/delivery-status\n\n" + b"A: b\n\n" * 150_000,
            b"Content-Type: message/global-delivery-status\n\n" + b"A: b\n\n" * 150_000,
            b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/plain" + b";a=b" * 250_000,
            b"Content-Type: multipart/mixed; boundary=a\n\n"
            + b'--a\nContent-Type: a/b; c="%s\n\n' % (b";" * 2_000) * 500,
            b"Content-Type: multipart/mixed; boundary*" + b"9" * 5_000 + b"=x\n\n--x\n\nHello.\n",
            b"Content-Type: multipart/mixed; boundary*; boundary*0=x; boundary*1*=x\n\n--x\n\nHello.\n",
            b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" + b"X: y\n" * 200_000,
            b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\n" * 4_999,
            b"\n\n" + b"\ncontent-type:" * 75_000,
            b"Content-Type:" + b" \n" * 500_000,
            b"From: " + b"(<a@b>:" * 37_000,
            (b"From: " + b"a@b," * 2_000 + b"\n") * 128,
            (b"From: " + b"a@" * 4_000 + b"\n") * 128,
            b"Subject: " + b"=?u?q?a?= " * 100 + b"=?u?q?" * 1_000,
            b"X: " + b"\xff" * 1_000_000,
            b"\0" * 1_000_000,
            b"Content-Transfer-Encoding: base64\n\n" + b"!a=\n" * 260_000,
            b"Content-Transfer-Encoding: base64\n\n" + b"A" * 1_000_001,
            b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n" + b"#86)C\n" * 170_000,
            b"Content-Transfer-Encoding: uuencode\n\nbegin x\n\xff\n" * 20_000,
            # A codec of Python's that takes quadratic time is never asked, whatever the rest of the header is.
            b"Content-Type: text/plain; charset=punycode\nno field \xff-" + b"a" * 1_000_000,
            b"Content-Type: multipart/mixed; boundary=a\n\n"
            + b"--a\nContent-Type: text/plain; charset=punycode\nno field \xff-%s" % (b"a" * 1_000_000),
            bytes(range(256)) * 4_000,
        ],
        ids=lambda raw: repr(raw[:40]),
    )
    def test_a_bomb_is_read(self, raw):
        assert isinstance(parse_message(raw), InboundMessage)

    @pytest.mark.timeout(20)
    @pytest.mark.parametrize(
        "level",
        [
            b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n",
            b"Content-Type: multipart/digest; boundary=b%d\n\n--b%d\n",
            b"CONTENT-TYPE:\n \x0b\n\tMultiPart/mixed; boundary=b%d\n\n--b%d\n",
            b"Content-Type: \xc2\xa0multipart/mixed; boundary=b%d\n\n--b%d\n",  # a blank that `strip` takes away
            b"Content-Type: multi\0part/mixed; boundary=b%d\n\n--b%d\n",
            b"Content-Type: message/rfc822; x=%d%d\n\n",
            b"Content-Type: message/delivery-status; x=%d%d\n\n",
        ],
    )
    @pytest.mark.parametrize("depth", [mime.MAX_NESTED + 1, 2_000, 5_000])
    def test_of_parts_nested_too_deep_only_the_header_is_read(self, level, depth):
        raw = b"From: anna@example.com\n" + b"".join(level % (n, n) for n in range(depth)) + b"\nunsubscribe\n"
        message = parse_message(raw)

        assert (message.from_addresses, message.text, message.defect) == (("anna@example.com",), "", "too_deep")

    @pytest.mark.timeout(20)
    def test_parts_nested_just_not_too_deep_are_read_in_good_time(self):
        """Each line is compared with the boundaries of all levels."""
        levels = b"".join(
            b"Content-Type: multipart/digest; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(mime.MAX_NESTED)
        )

        assert parse_message(b"From: anna@example.com\n" + levels + b"x\n" * 500_000).defect is None

    def test_a_type_is_never_cut_out_of_a_content_type(self):
        message = parse_message(b"Content-Type: x*;multipart/mixed;boundary=a\n\n--a\n\nHello.\n--a--\n")

        assert (message.content_type, message.defect) == ("text/plain", None)

    @pytest.mark.timeout(200)
    def test_parts_within_parts_take_no_more_room_than_the_parser_needs(self):
        levels = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(90))
        tracemalloc.start()
        try:
            parse_message(b"From: anna@example.com\n" + levels + b"x\n" * 40_000 + b"y" * 900_000)
            assert tracemalloc.get_traced_memory()[1] < 60 * 1024 * 1024
        finally:
            tracemalloc.stop()

    def test_a_message_of_nothing_but_boundaries_is_too_deep_and_a_text_of_dashes_is_not(self):
        dashes = b"--a\n" * (mime.MAX_BOUNDARIES + 2)

        assert parse_message(b"Content-Type: multipart/mixed; boundary=a\n\n" + dashes).defect == "too_deep"
        assert parse_message(b"Content-Type: text/plain\n\n" + dashes).defect is None

    def test_what_the_parser_stumbles_on_still_gives_its_header(self, monkeypatch):
        monkeypatch.setattr(Message, "get_boundary", None)
        message = parse_message(b"From: anna@example.com\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n")

        assert (message.from_addresses, message.text, message.defect) == (("anna@example.com",), "", "unparsable")

    def test_a_huge_header_does_not_hide_those_below_it(self):
        message = parse_message(b"X-Bomb: " + b"a" * 100_000 + b"\nSubject: unsubscribe\nFrom: anna@example.com\n\n")

        assert (message.subject, message.from_addresses) == ("unsubscribe", ("anna@example.com",))
        assert len(message.headers["x-bomb"][0]) == mime.MAX_HEADER

    def test_too_many_headers_are_a_defect_and_the_body_is_still_found(self):
        message = parse_message(b"From: anna@example.com\n" + b"X: y\n" * 1_000 + b"\nHello.\n")

        assert (message.defect, message.text) == ("too_many_headers", "Hello.")
        assert sum(map(len, message.headers.values())) == mime.MAX_HEADERS

    def test_what_is_cut_says_so(self):
        assert not parse_message(b"Subject: x\n\n" + b"a" * MAX_TEXT).truncated
        assert parse_message(b"Subject: x\n\n" + b"a" * (MAX_TEXT + 1)).truncated
        assert parse_message((PLAIN + b"\n" * MAX_MESSAGE)[:MAX_MESSAGE]).truncated, "as it is fetched"
        assert parse_message(PLAIN + b"a" * MAX_MESSAGE).truncated
        assert len(parse_message(PLAIN + b"a" * MAX_MESSAGE).text) == MAX_TEXT
        assert parse_message(PLAIN + b"\n" * MAX_LINES).truncated

    @pytest.mark.parametrize(
        "sheet", [b"<style>p {margin: 0}</style >", b"<STYLE>p {}</STYLE>", b"<style><style></style>"]
    )
    def test_style_sheets_do_not_count_as_text(self, sheet):
        sheets = sheet * (100_000 // len(sheet))
        message = parse_message(b"Content-Type: text/html\n\n<p>A" + sheets + b"<p>Hello")

        assert (message.html[:4], message.html[-8:], message.truncated) == ("<p>A", "<p>Hello", False)

    @pytest.mark.parametrize(
        ("raw", "defect"), [(b"", "empty"), (b" \r\n\n", "empty"), (b"hello world", "no_headers"), (PLAIN, None)]
    )
    def test_defects_come_from_a_closed_list(self, raw, defect):
        assert parse_message(raw).defect == defect

    def test_whatever_else_goes_wrong_is_a_defect_and_no_exception(self, monkeypatch):
        monkeypatch.setattr(mime, "read_addresses", None)

        assert parse_message(PLAIN).defect == "unparsable"

    @given(st.binary(max_size=4_000))
    def test_any_bytes_give_a_message_that_can_be_stored(self, raw):
        message = parse_message(raw)

        for text in (message.subject, message.text, message.html, *message.from_addresses):
            assert "\0" not in text
            text.encode("utf-8")

    @given(st.lists(st.sampled_from([b"From: ", b"a@b", b"<", b">", b'"', b"(", b")", b",", b";", b":", b"\\", b" "])))
    def test_any_address_field_gives_addresses(self, pieces):
        for address in header(b"From: " + b"".join(pieces)).from_addresses:
            assert "@" in address


class TestContentIdentity:
    def identity(self, raw: bytes) -> bytes | None:
        return content_identity(parse_message(raw), raw)

    def test_a_server_that_renders_a_message_anew_does_not_change_it(self):
        raw = PLAIN.replace(b"\n", b"\r\n")
        encoded = PLAIN.replace(b"Good morning.", b"Good=20morning=2E").replace(
            b"To: contact", b"X-Server: 7\nContent-Transfer-Encoding: quoted-printable\nTo: contact"
        )

        assert self.identity(raw) == self.identity(PLAIN) == self.identity(encoded)
        assert len(self.identity(raw)) == 16

    @pytest.mark.parametrize(
        ("old", "new"),
        [(b"<1@", b"<2@"), (b"3 Mar", b"4 Mar"), (b"anna@example.com>\nTo", b"bo@example.net>\nTo"), (b"Good", b"Bad")],
    )
    def test_another_message_has_another(self, old, new):
        assert self.identity(PLAIN) != self.identity(PLAIN.replace(old, new))

    @pytest.mark.parametrize("line", [b"Message-ID: <1@example.com>\n", b"Date: Mon, 3 Mar 2025 10:00:00 +0100\n"])
    def test_there_is_none_without_message_id_or_date(self, line):
        """Or the second "unsubscribe" of a person, a year later, would pass for a copy of the first."""
        assert self.identity(PLAIN.replace(line, b"")) is None

    def test_messages_without_text_differ_by_their_bytes(self):
        image = PLAIN.replace(b"Subject", b"Content-Type: image/png\nSubject")

        assert self.identity(image) != self.identity(image.replace(b"Good", b"Bad"))
