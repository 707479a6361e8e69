"""The writer's own words, and none of anybody else's. Each case says what the mail client or the attack is."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailconsent.message import InboundMessage
from mailconsent.own_words import MAX_OWN, html_to_text, own_words, strip_quotes
from mailconsent.own_words.marks import load_marks

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "own_words.toml").read_text("utf-8"))
load_marks()  # so that no first example takes long
FOOTER = "If you do not want this any more, unsubscribe here."
HEADS = {
    f"{kind}, {client}": head
    for kind in ("attributions", "headers", "dividers")
    for client, head in VECTORS[kind].items()
}


def by_client(kind):
    return pytest.mark.parametrize("head", VECTORS[kind].values(), ids=VECTORS[kind].keys())


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
@pytest.mark.parametrize("between", ["\n\n", "\n"])
def test_nothing_below_the_head_of_an_unmarked_quote_is_the_writers(head, between):
    assert strip_quotes(f"Mine.{between}{head}\n\n{FOOTER}") == "Mine."


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
def test_nothing_is_the_writers_where_nothing_was_written(head):
    below = f"From: Shop\nDate: today\nTo: Anna\n\n{FOOTER}" if head.startswith("___") else FOOTER
    assert strip_quotes(f"\n\n{head}\n\n{below}") == ""


@by_client("attributions")
def test_what_is_below_a_marked_quote_is_the_writers(head):
    assert strip_quotes(f"{head}\n\n> {FOOTER}\n\nMine.") == "Mine."


@by_client("attributions")
def test_an_attribution_may_be_wrapped_after_any_blank_near_its_middle(head):
    words = head.split(" ")
    for place in range(len(words) // 2, len(words) // 2 + 2):
        wrapped = " ".join(words[:place]) + "\n" + " ".join(words[place:])

        assert strip_quotes(f"Mine.\n\n{wrapped}\n{FOOTER}").startswith("Mine.")
        assert "unsubscribe" not in strip_quotes(f"Mine.\n\n{wrapped}\n{FOOTER}")


@by_client("apps")
def test_the_line_of_an_app_is_not_the_writers(head):
    assert strip_quotes(f"Mine.\n\n{head}\n{FOOTER}") == "Mine."
    assert strip_quotes(f"{head}\n\nMine.") == "Mine."


@pytest.mark.parametrize("vector", VECTORS["text"], ids=lambda vector: f"{vector['client']}: {vector['reason']}")
def test_only_the_writers_words_remain_of_a_plain_text(vector):
    assert strip_quotes(vector["text"].replace("FOOTER", FOOTER)) == vector["own"], vector["reason"]


@pytest.mark.parametrize("vector", VECTORS["kept"], ids=lambda vector: vector["reason"])
def test_what_only_looks_like_a_quote_stays(vector):
    assert strip_quotes(vector["text"]) == vector["text"], vector["reason"]


@pytest.mark.parametrize("vector", VECTORS["html"], ids=lambda vector: vector["client"])
def test_only_the_writers_words_remain_of_html(vector):
    assert own_words(InboundMessage(html=vector["html"].replace("FOOTER", FOOTER))) == vector["own"]


def test_there_are_vectors_of_thirty_languages():
    assert len({client.split(", ")[1] for client in VECTORS["attributions"] if client.startswith("Gmail")}) >= 30


def test_line_ends_of_gateways_do_not_matter():
    assert strip_quotes(f"Mine.\r\n> {FOOTER}\r\n") == "Mine."


def test_a_forward_with_nothing_written_says_nothing():
    """The plain alternative may quote without a mark; that the HTML is all quote must not lead to it."""
    html = f'<div class="gmail_quote"><div class="gmail_attr">Q W E</div>{FOOTER}</div>'

    assert own_words(InboundMessage(text=FOOTER, html=html)) == ""


def test_words_across_elements_are_one_sentence_and_blocks_are_not():
    text = html_to_text("<p>Please <b>re</b>move\n me</p><div>Anna</div>")

    assert text.split() == ["Please", "remove", "me", "Anna"]
    assert "Please remove me\n" in text


def test_an_inline_answer_within_a_gmail_quote_is_kept():
    html = '<div class="gmail_quote"><blockquote>a</blockquote>Mine.<blockquote>b</blockquote></div>'

    assert own_words(InboundMessage(html=html)) == "Mine."


def test_structure_is_preferred_to_the_plain_text():
    """The plain alternative of some clients quotes without any mark; the HTML of the same mail has the element."""
    message = InboundMessage(text=f"Mine.\n\n{FOOTER}", html=f"<p>Mine.</p><blockquote>{FOOTER}</blockquote>")

    assert own_words(message) == "Mine."


def test_html_without_quotes_is_not_read_where_there_is_text():
    assert own_words(InboundMessage(text="Mine.", html="<p>Other.</p>")) == "Mine."


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        ">" * 60_000,
        "> \n" * 20_000,
        "On 1 2025 a@b wrote\n" * 3_000,
        "From: x\n" * 5_000,
        "-" * 60_000,
        ("-" * 399 + "\n") * 150,
        ("a:" * 200 + "\n") * 150,
        "wrote:" * 10_000,
        "\n" * 60_000,
        "@" * 60_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_quoted_text_bomb_is_read_in_linear_time(text):
    assert len(strip_quotes(text)) < MAX_OWN + 500


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 13_000 + "x",
        "<blockquote>" * 5_000 + "x",
        "<" * 60_000,
        '<p class="gmail_quote">' * 2_500,
        "&#0;" * 9_000,
    ],
    ids=lambda html: html[:12],
)
def test_an_html_bomb_is_read(html):
    assert isinstance(own_words(InboundMessage(html=html)), str)


@given(st.text(max_size=2_000), st.text(max_size=2_000))
def test_own_words_never_raises(text, html):
    assert isinstance(own_words(InboundMessage(text=text, html=html)), str)


#: Lines that people write, and none that begins a quote.
PROSE = st.lists(
    st.sampled_from(
        [
            "Please unsubscribe me.",
            "Jeg vil ikke have flere mails",
            "Thanks, Anna",
            "",
            "My order of 3.3.2025 has not come:",
            "Bitte streichen Sie mich",
            "- one thing",
            "To whom it may concern:",
            "Anna <anna@example.com>",
        ]
    ),
    min_size=1,
    max_size=8,
).map("\n".join)


@settings(deadline=None)
@given(PROSE, st.sampled_from(sorted(HEADS.values())), st.sampled_from(["\n\n", "\n\n\n"]), st.booleans())
def test_a_quote_under_a_text_never_changes_its_own_words(text, head, between, marked):
    quote = f"> {FOOTER}\n> {FOOTER}" if marked else f"{FOOTER}\n\n{FOOTER}"
    own = strip_quotes(text)
    # A line drawn above the first word is a decoration.
    quoted = strip_quotes(f"{text}{between}{head}\n\n{quote}") if own else ""

    assert quoted == own


@settings(deadline=None)
@given(
    PROSE,
    st.lists(st.sampled_from([*sorted(HEADS.values()), "> quoted", "-- ", "Sent from my iPhone"]), max_size=3),
    PROSE,
)
def test_own_words_of_own_words_are_the_same(text, marks, below):
    own = strip_quotes("\n\n".join([text, *marks, below]))

    assert strip_quotes(own) == own


@given(st.text(max_size=500))
def test_marked_text_is_nobodys(text):
    quoted = "\n".join(f"> {line}" for line in text.split("\n"))

    assert strip_quotes(quoted) == ""
