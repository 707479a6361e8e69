"""
The text of a mail that may be a machine's, as the detectors of bounces and of automatic responses read it.

It is all of the text, and not the writer's own words (`own_words`): what a machine says stands around what it quotes or
returns, and that it quotes tells much. Nearly all mail is read so, and says nothing; so HTML is not taken apart into
elements here, which takes many times as long.
"""

import html
import re
from functools import cache

from mailconsent.classify.sayings import Sayings, gather, load_table
from mailconsent.message import InboundMessage

MAX_HTML = 32_000

TAG = re.compile(r"<[^<>]*>")
BREAK = re.compile(r"<(?:br|/?p|/?div|/?tr|/?li|/?h[1-6])\b[^<>]*>", re.IGNORECASE)
#: With what it holds, up to the next element.
HIDDEN = re.compile(r"<(?:style|script|title)\b[^<]*", re.IGNORECASE)
#: Not `>>>`, which is what a server said in a transcript.
QUOTED = re.compile(r"^>(?!>>)", re.MULTILINE)


def whole_text(message: InboundMessage) -> str:
    """The text of a message, or of its HTML where it has none."""
    if message.text or not message.html:
        return message.text
    plain = TAG.sub(" ", BREAK.sub("\n", HIDDEN.sub(" ", message.html[:MAX_HTML])))
    return html.unescape(plain).strip()


def holds_quote(text: str) -> bool:
    """Whether a line of a text is marked as somebody else's."""
    return QUOTED.search(text) is not None


@cache
def load_goods() -> Sayings:
    """What tells of goods, and not of mail. Parcels cannot be delivered, too; who speaks of an order is a person."""
    return gather(load_table("goods.toml")["goods"])
