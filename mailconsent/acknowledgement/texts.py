"""What an acknowledgement says, in the languages of `texts/<language>.toml`, read once."""

from mailconsent.message import InboundMessage


def choose_language(message: InboundMessage, *, known: str | None, otherwise: str) -> str:
    """
    The language to answer a request in: the one that it is written in; else the person's own, if it is `known`; else
    what their mail program says; else `otherwise`, or English where there is no text in that.
    """
    raise NotImplementedError
