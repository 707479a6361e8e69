"""The writer's own words, and none of anybody else's. Each case says what the mail client or the attack is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent.message import InboundMessage
from mailconsent.own_words import MAX_OWN, html_to_text, own_words, strip_quotes

FOOTER = "If you do not want this any more, unsubscribe here."

PLAIN = {
    "Gmail, English": f"Mine.\n\nOn Mon, 3 Mar 2025 at 09:00, Shop <news@shop.example> wrote:\n\n> {FOOTER}",
    "Gmail, two lines": f"Mine.\n\nOn Mon, Mar 3, 2025 at 9:00 AM Shop\n<news@shop.example> wrote:\n> {FOOTER}",
    "Gmail, unmarked": f"Mine.\n\nOn Mon, Mar 3, 2025 at 9:00 AM Shop <news@shop.example> wrote:\n{FOOTER}",
    "Gmail, German": f"Mine.\n\nAm Mo., 3. März 2025 um 09:00 Uhr schrieb Shop <news@shop.example>:\n{FOOTER}",
    "Gmail, Danish": f"Mine.\n\nDen man. 3. mar. 2025 kl. 09.00 skrev Shop <news@shop.example>:\n{FOOTER}",
    "Gmail, French": f"Mine.\n\nLe lun. 3 mars 2025 à 09:00, Shop <news@shop.example> a écrit :\n{FOOTER}",
    "Gmail, Japanese": f"Mine.\n\n2025年3月3日(月) 9:00 Shop <news@shop.example>:\n{FOOTER}",
    "Apple Mail, without address": f"Mine.\n\nOn 3 Mar 2025, at 09:00, Shop wrote:\n{FOOTER}",
    "Outlook, English": f"Mine.\n\nFrom: Shop\nSent: Monday\nTo: Anna\nSubject: News\n\n{FOOTER}",
    "Outlook, German, bold": f"Mine.\n\n*Von:* Shop\n*Gesendet:* Montag\n*An:* Anna\n*Betreff:* News\n\n{FOOTER}",
    "Outlook, Danish": f"Mine.\n\nFra: Butik\nSendt: mandag\nTil: Anna\nEmne: Nyheder\n\n{FOOTER}",
    "Outlook, Chinese, wide colons": f"Mine.\n\n发件人：Shop\n发送时间：2025\n收件人：Anna\n主题：News\n\n{FOOTER}",
    "Outlook, a line": f"Mine.\n\n________________________________\n{FOOTER}",
    "the oldest divider": f"Mine.\n\n-----Original Message-----\n{FOOTER}",
    "the oldest divider, German": f"Mine.\n\n-----Ursprüngliche Nachricht-----\n{FOOTER}",
    "a forward": f"Mine.\n\n---------- Forwarded message ---------\n{FOOTER}",
    "inline": f"> Hello,\n> {FOOTER}\nMine.\n> Bye",
    "bottom post": f"On Mon, 3 Mar 2025 at 09:00, Shop <news@shop.example> wrote:\n> {FOOTER}\n\nMine.",
    "signature": "Mine.\n-- \nAnna Holm\nunsubscribe manager",
    "phone": "Mine.\n\nSent from my iPhone\nunsubscribe",
    "phone, German": "Mine.\n\nVon meinem iPhone gesendet",
    "list software": f"Mine.\n_______________________________________________\nTeam mailing list\n{FOOTER}",
    "CR LF left over": f"Mine.\r\n> {FOOTER}\r\n",
    "nothing quoted": "Mine.",
}


@pytest.mark.parametrize("client", PLAIN)
def test_only_the_writers_words_remain_of_a_plain_text(client):
    assert strip_quotes(PLAIN[client]) == "Mine."


@pytest.mark.parametrize(
    "text",
    [
        "Three things:\nfirst the price, then the rest.",  # a colon is no attribution
        "My address: anna@example.com",
        "To: be or not to be",  # one header-like line is no block
        "We met at 10:30 and talked:\nshe agreed.",
        "A dash - or two -- in a line.",
    ],
)
def test_what_only_looks_like_a_quote_stays(text):
    assert strip_quotes(text) == text


HTML = {
    "Gmail": '<div>Mine.</div><div class="gmail_quote"><div class="gmail_attr">On ... wrote:</div>'
    f"<blockquote>{FOOTER}</blockquote></div>",
    "Gmail, without blockquote": f'<div>Mine.</div><div class="gmail_quote">{FOOTER}</div>',
    "Outlook": f'<p>Mine.</p><div id="divRplyFwdMsg">From: Shop</div><div>{FOOTER}</div>',
    "Outlook on the web": f'<p>Mine.</p><div id="appendonsend"></div><div>{FOOTER}</div>',
    "Thunderbird": '<div class="moz-cite-prefix">On 3/3/25 wrote Shop:</div>'
    f"<blockquote>{FOOTER}</blockquote><p>Mine.</p>",
    "Yahoo": f'<div>Mine.</div><div class="yahoo_quoted">{FOOTER}</div>',
    "signature": '<div>Mine.</div><div class="gmail_signature">Anna, unsubscribe manager</div>',
    "styles and scripts": "<head><style>p{unsubscribe:1}</style></head><script>unsubscribe()</script><p>Mine.</p>",
}


@pytest.mark.parametrize("client", HTML)
def test_only_the_writers_words_remain_of_html(client):
    assert own_words(InboundMessage(html=HTML[client])) == "Mine."


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
