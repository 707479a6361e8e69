"""The mail that acknowledges a request, in every language in which requests are understood."""

import re
import tomllib
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.acknowledgement import Stopped, choose_language, compose
from mailconsent.acknowledgement.texts import Texts, load_texts
from mailconsent.charset import decode_words
from mailconsent.classify import classify
from mailconsent.classify.unsubscribe.wording import load_wording
from mailconsent.errors import InvalidToken
from mailconsent.message import InboundMessage, parse_message
from mailconsent.model import Label
from mailconsent.policy.controller import Controller

TESTS = Path(__file__).parent.parent
CONTROLLER = Controller(
    name="Example Imaging ApS",
    contact="contact@example.com",
    address="Eksempelvej 1, 2100 København Ø",
    language="da",
    authority="Datatilsynet, www.datatilsynet.dk",
)
REQUEST = InboundMessage(message_id="<1@example.com>", from_addresses=("anna@example.com",))
UNDO = "https://mail.example.com/r/" + "a" * 72
MESSAGE_ID = "<ack.1@example.com>"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ELSEWHERE = Stopped(topics=("Blog-Newsletter",), elsewhere=True)
EVERYTHING, BLOG, SOME_KIND = Stopped(everything=True), Stopped(topics=("Blog-Newsletter", "Nyheder")), Stopped()
LANGUAGES = sorted(load_texts())
FIELDS = {
    *("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    *("Content-Language", "Auto-Submitted", "X-Auto-Response-Suppress"),
}
#: What a stranger may write where ids of messages belong.
IDS = st.lists(
    st.sampled_from(("<1@x>", "<2@x>", "<", ">", " ", "\r\n", "Bcc: a@b", "é", "\0")) | st.text(max_size=5)
).map("".join)
#: What is filled into each text.
PLACES = {"quoted": ["name"], "topics": ["topics"], "complain": ["contact"], "authority": ["authority"]}


def answer(message=REQUEST, *, to="anna@example.com", stopped=EVERYTHING, language="en", undo_url=UNDO, of=CONTROLLER):
    return compose(
        message,
        to=to,
        sender="contact@example.com",
        controller=of,
        stopped=stopped,
        language=language,
        undo_url=undo_url,
        message_id=MESSAGE_ID,
        now=NOW,
    )


def arrived(made):
    """As who gets it reads it."""
    return message_from_bytes(made.as_bytes(), policy=policy.default)


def text_of(made):
    return arrived(made).get_content().replace("\r\n", "\n")


def read_token(_text):
    raise InvalidToken


def test_there_is_a_text_in_every_language_that_is_understood():
    understood = {path.stem for path in (TESTS.parent / "mailconsent/classify/unsubscribe/phrases").glob("*.toml")}

    assert set(LANGUAGES) == understood
    assert len(LANGUAGES) >= 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_whole(language):
    texts = load_texts()[language]

    for name, text in texts._asdict().items():
        assert text.strip(), name
        assert re.findall(r"\{(\w+)\}", text) == PLACES.get(name, [])
    assert "24" in texts.undo
    assert len(set(texts)) == len(Texts._fields)


@pytest.mark.parametrize(
    "stopped", [EVERYTHING, BLOG, SOME_KIND, ELSEWHERE], ids=["everything", "topics", "some kind", "elsewhere"]
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_no_request_even_where_a_gateway_took_away_what_says_that_it_is_automatic(language, stopped):
    made = answer(language=language, stopped=stopped)
    assert classify(parse_message(made.as_bytes()), read_token).label is Label.AUTO_REPLY

    text, subject = text_of(made), load_texts()[language].subject
    for title in (f"Auto: {subject}", subject, f"Re: {subject}", ""):
        # Bare, from a person's address, as nothing but these words.
        bare = InboundMessage(subject=title, text=text, from_addresses=("contact@example.com",))
        assert classify(bare, read_token).label in (Label.AUTO_REPLY, Label.OTHER), title


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_thanks_for_it_asks_for_nothing(language):
    quote = "".join(f"> {line}\n" for line in text_of(answer(language=language)).splitlines())
    thanks = InboundMessage(
        subject=f"Re: Auto: {load_texts()[language].subject}",
        text=f"Thanks!\n\nOn Mon, 2 Mar 2026 at 10:00, Example Imaging ApS <contact@example.com> wrote:\n\n{quote}",
        in_reply_to=MESSAGE_ID,
        from_addresses=("anna@example.com",),
    )

    assert classify(thanks, read_token).label in (Label.AUTO_REPLY, Label.OTHER)


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_says_what_was_stopped_what_was_not_how_to_undo_it_and_how_to_complain(language):
    texts = load_texts()[language]
    everything, topics = text_of(answer(language=language)), text_of(answer(language=language, stopped=BLOG))

    for text in (everything, topics):
        assert f"\n{UNDO}\n" in text
        assert "contact@example.com" in text
        assert "Datatilsynet, www.datatilsynet.dk" in text
        assert text.startswith(texts.automatic)
        assert text.rstrip().endswith("Example Imaging ApS\nEksempelvej 1, 2100 København Ø")
    assert texts.all in everything
    assert texts.still_all in everything
    assert texts.quoted.format(name="Blog-Newsletter") in topics
    assert texts.quoted.format(name="Nyheder") in topics
    assert texts.still_topics in topics
    assert len(everything.encode()) < 2500  # RFC 3834 section 2: no large responses


def test_the_english_one_reads_like_this():
    assert text_of(answer(stopped=BLOG)) == (
        "This is an automatic answer to your mail.\n\n"
        "As you asked, we no longer send “Blog-Newsletter”, “Nyheder” to this address.\n"
        "What is already on its way may still arrive.\n\n"
        "What still comes: other newsletters of ours that you signed up for, and mail about your orders.\n\n"
        "If this was a mistake, or was not you, you can undo it within 24 hours of your mail:\n"
        f"{UNDO}\n\n"
        "If something is not as it should be, write to contact@example.com.\n"
        "You can also complain to the supervisory authority: Datatilsynet, www.datatilsynet.dk.\n\n"
        "-- \nExample Imaging ApS\nEksempelvej 1, 2100 København Ø\n"
    )


def test_of_what_cannot_be_undone_it_says_nothing_of_undoing():
    text = text_of(answer(undo_url=None))

    assert "undo" not in text
    assert "/r/" not in text


def test_who_used_another_address_link_is_told_of_both():
    text = text_of(answer(stopped=ELSEWHERE))

    assert "“Blog-Newsletter” to this address.\nAs you asked" in text
    assert "to the address that your link belongs to.\n" in text


def test_a_company_without_an_authority_names_none():
    alone = Controller(name="Example", contact="contact@example.com", address="Here", language="en")

    assert "authority" not in text_of(answer(of=alone))


def test_it_is_marked_as_an_automatic_response():
    made = arrived(answer())

    assert made["Auto-Submitted"] == "auto-replied"  # RFC 3834 section 3.1.7
    assert made["X-Auto-Response-Suppress"] == "All"
    assert made["Subject"] == "Auto: You are unsubscribed"
    assert made["From"] == "Example Imaging ApS <contact@example.com>"
    assert made["To"] == "anna@example.com"
    assert made["Date"].datetime == NOW
    assert made["Content-Language"] == "en"
    assert made["Message-ID"] == MESSAGE_ID
    assert not [name for name in made if name.lower().startswith("list-")]
    assert {name: len(made.get_all(name)) for name in made} == dict.fromkeys(made.keys(), 1)


OUTLOOK = f"<{'A' * 60}@{'B' * 60}.eurprd01.prod.exchangelabs.com>"
#: Message-ID, References and In-Reply-To of the request; those of the answer.
THREADS = [
    ("<1@x>", "", "", "<1@x>", "<1@x>", "the first of a thread"),
    ("<3@x>", "<1@x> <2@x>", "<2@x>", "<3@x>", "<1@x> <2@x> <3@x>", "one of a thread"),
    ("<3@x>", "", "<2@x>", "<3@x>", "<2@x> <3@x>", "no References: what it answers (RFC 5322 section 3.6.4)"),
    ("<3@x>", "", "<1@x> <2@x>", "<3@x>", "<1@x> <3@x>", "of several, the first"),
    ("<3@x>", "<1@x>\t<2@x>,junk <1@x>", "", "<3@x>", "<1@x> <2@x> <3@x>", "garbage and repeats"),
    (OUTLOOK, OUTLOOK, "", OUTLOOK, OUTLOOK, "longer than a line"),
    ("<[abc]@x>", "", "", "<[abc]@x>", "<[abc]@x>", "as Outlook writes them"),
    ("", "<1@x>", "", None, None, "without an id nothing can be named"),
    ("none", "", "", None, None, "no id"),
    ("<1 2@x>", "", "", None, None, "a blank"),
    ("<é@x>", "", "", None, None, "not ASCII"),
    ("<1@x>\r\nBcc: bo@example.net", "", "", None, None, "a smuggled field"),
    (f"<{'a' * 300}@x>", "", "", None, None, "too long"),
]


@pytest.mark.parametrize(
    ("message_id", "references", "in_reply_to", "to_this", "thread"),
    [case[:-1] for case in THREADS],
    ids=[case[-1] for case in THREADS],
)
def test_it_names_what_it_answers(message_id, references, in_reply_to, to_this, thread):
    request = InboundMessage(message_id=message_id, references=references, in_reply_to=in_reply_to)
    raw = answer(request).as_bytes()
    # As it stands there: the parser would hide what a line break in the wrong place does.
    fields = dict(re.findall(r"^([\w-]+): (.*)", re.sub(r"\r\n ", " ", raw.decode("ascii")).replace("\r", ""), re.M))

    assert fields.get("In-Reply-To") == to_this
    assert fields.get("References") == thread
    assert "Bcc" not in fields


@given(message_id=IDS, references=IDS, in_reply_to=IDS, name=st.text(max_size=40))
def test_nothing_in_the_request_or_the_policy_adds_or_breaks_a_field(message_id, references, in_reply_to, name):
    request = InboundMessage(message_id=message_id, references=references, in_reply_to=in_reply_to)
    raw = answer(request, stopped=Stopped(topics=(name,))).as_bytes()
    head, _, body = raw.partition(b"\r\n\r\n")

    fields = [line.partition(b":")[0].decode("ascii") for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert sorted(fields) == sorted(set(fields))
    assert set(fields) - {"In-Reply-To", "References"} == FIELDS
    assert raw.isascii()
    assert body


def test_a_long_thread_keeps_its_beginning_and_its_end():
    ids = [f"<{number}@x>" for number in range(1000)]
    made = arrived(answer(InboundMessage(message_id="<new@x>", references=" ".join(ids))))

    assert made["References"].split() == [ids[0], *ids[-10:], "<new@x>"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_fits_and_is_ascii(language):
    name = "Ærø Øl & Ål 株式会社 " * 4 + "ApS"
    long = Controller(name=name, contact="contact@example.com", address="Vej 1", language="da")
    raw = answer(InboundMessage(message_id=OUTLOOK), language=language, of=long).as_bytes()

    assert raw.isascii()
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998  # RFC 5322 section 2.1.1
    # Not by the parser of `email`, which adds blanks between encoded words.
    told = parse_message(raw)
    assert decode_words(told.header("from")) == f"{name} <contact@example.com>"
    assert told.subject == f"Auto: {load_texts()[language].subject}"
    # RFC 2047 section 2.
    assert all(len(word) <= 75 for word in re.findall(rb"=\?\S+\?=", raw.partition(b"\r\n\r\n")[0]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_short_one_takes_seven_bits_too(language):
    short = Controller(name="Ærø", contact="contact@example.com", address="Vej 1", language="da")
    for stopped in (EVERYTHING, BLOG, SOME_KIND):
        made = answer(language=language, stopped=stopped, undo_url=None, of=short)

        assert made.as_bytes().isascii(), "not every server takes eight (RFC 6152)"
        assert "Ærø\nVej 1" in text_of(made)


def test_an_address_in_another_script_is_written_as_it_is():
    raw = answer(to="ännä@bücher.example").as_bytes()

    assert "To: ännä@bücher.example".encode() in raw  # RFC 6532, to be sent with SMTPUTF8


def test_it_repeats_nothing_of_the_request():
    spam = InboundMessage(message_id="<1@x>", subject="Buy pills", text="Buy pills", from_addresses=("bo@example.net",))
    raw = answer(spam).as_bytes()

    assert b"pills" not in raw
    assert b"bo@example.net" not in raw


#: What is written, what else is known, the language of the answer, and why.
CHOICES = [
    ({"text": "Bitte melden Sie mich ab."}, None, "de", "written in it"),
    ({"text": "Bitte melden Sie mich ab."}, "da", "de", "what is written goes before what is known"),
    ({"text": "Abmelden"}, "de-AT", "de", "both agree"),
    ({"subject": "Désinscription"}, None, "fr", "the subject, where the body says nothing"),
    ({"subject": "Re: Nyhedsbrev", "text": "Fjern mig fra listen, tak"}, None, "da", "the body before the subject"),
    ({"text": "unsubscribe"}, None, "en", "nothing else is known of who writes it"),
    ({"text": "unsubscribe"}, "fi", "fi", "many write that who speak another language"),
    (
        {"text": "unsubscribe", "head": {"accept-language": "hu-HU"}},
        None,
        "hu",
        "their mail program is Hungarian",
    ),
    ({"text": "unsubscribe", "head": {"content-language": "xx-XX"}}, None, "en", "a language without a text"),
    ({"text": "STOP"}, None, "da", "it may be any: the company's own"),
    ({"text": "STOP"}, "pl", "pl", "so too, and it is known"),
    ({"text": "STOP", "from": "anna@example.it"}, None, "it", "so too, from Italy"),
    ({"text": "odjava", "from": "anna@example.si"}, None, "sl", "the same in Croatian"),
    ({"text": "odjava", "from": "anna@example.rs"}, None, "sr", "and in Serbian"),
    ({"text": "отпиши"}, "bg", "bg", "the same in Russian"),
    ({"text": "Fjern meg fra listen", "head": {"accept-language": "nn-NO"}}, None, "nb", "Nynorsk is read as Bokmål"),
    ({"text": ""}, None, "da", "a link as the request says no word: the company's own"),
    ({"text": ""}, "sv", "sv", "so too, and theirs is known"),
    ({"text": "", "head": {"accept-language": "*, ;q=1,,"}}, "", "da", "garbage"),
]


@pytest.mark.parametrize(("said", "known", "language"), [c[:-1] for c in CHOICES], ids=[c[-1] for c in CHOICES])
def test_a_person_is_answered_in_their_language(said, known, language):
    request = InboundMessage(
        subject=said.get("subject", ""),
        text=said.get("text", ""),
        from_addresses=(said.get("from", "anna@example.com"),),
        headers={name: (value,) for name, value in said.get("head", {}).items()},
    )

    assert choose_language(request, known=known, otherwise="da") == language


def test_a_company_that_speaks_what_we_do_not_is_spoken_for_in_english():
    assert choose_language(InboundMessage(), known=None, otherwise="th") == "en"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_of_a_request_is_told_from_the_request_itself(language):
    vectors = tomllib.loads((TESTS / f"vectors/unsubscribe/{language}.toml").read_text("utf-8"))
    requests = [text for texts in vectors["requests"].values() for text in texts]
    told = [choose_language(InboundMessage(text=text), known=language, otherwise="en") for text in requests]
    alone = [choose_language(InboundMessage(text=text), known=None, otherwise=language) for text in requests]

    assert told.count(language) >= len(told) - 1
    assert alone.count(language) >= len(alone) - 1
    assert language in {each.name for each in load_wording().languages}
