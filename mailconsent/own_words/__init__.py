"""
The writer's own words: what is left of a mail when the quoted mail, the signature and the footers are gone.

Rules of this package:

1. Our own newsletter says "unsubscribe" at its end, and every reply quotes it. What is not surely the writer's own is
   left out: a missed request goes to a human, a quoted footer taken for a request ends a consent nobody withdrew.
2. What the writer wrote stays: above a quote, between quotes, and below one that is marked. A line that only looks like
   the head of a quote is the writer's.
3. Linear on hostile input: the text is cut first, lines are looked at once, and no pattern can backtrack over more than
   a line.
4. Structure before language: an HTML quote is known by its element, so it is preferred where there is one. What mail
   programs write around quotes in words is data, in `quotes.toml`.
"""

from mailconsent.message import InboundMessage
from mailconsent.own_words.elements import has_structure, html_to_text, link_labels
from mailconsent.own_words.lines import MAX_CHARS, MAX_OWN, strip_quotes

__all__ = ["MAX_CHARS", "MAX_OWN", "html_to_text", "link_labels", "own_words", "reads_html", "strip_quotes"]


def own_words(message: InboundMessage) -> str:
    """What the writer of this message wrote, about `MAX_OWN` characters of it."""
    if reads_html(message):
        text = html_to_text(message.html)
        if text.strip():  # an HTML part of a picture says nothing; the other one may
            return strip_quotes(text)
    return strip_quotes(message.text)


def reads_html(message: InboundMessage) -> bool:
    """Whether the HTML part of a message tells better than its text what the writer's own words are."""
    return bool(message.html) and (not message.text or has_structure(message.html))
