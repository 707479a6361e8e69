"""Words of requests that a text mentions and does not say: in programs, in quotation marks, in front of links."""

import re

#: What stands in programs, patches and their logs, and not in letters.
CODE = re.compile(
    r"\w\(\)|\w\)[ \t]*;[ \t]*$|<a\s+href=|</(?:a|td|p|font)>"
    r"|^(?:diff --git|@@ -\d|Traceback \(|Signed-off-by:|\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)",
    re.MULTILINE,
)
#: A clause of its own in quotation marks is an example, or what somebody else said.
MENTION = re.compile(r"""(^|[:,;.(–—-])[ \t]*["“„«][^"“”„«»\n]{1,80}["”“»](?=[ \t]*(?:[,:;.!?)]|$))""", re.MULTILINE)
QUOTATION = ('"', "“", "„", "«")
#: Three words and more in quotation marks, within a sentence. Fewer are stressed, or the name of something.
ASIDE = re.compile(r"""["“„«][ \t]*[^"“”„«»\s]+(?:[ \t]+[^"“”„«»\s]+){2,9}[ \t]*["”“»]""")
#: A line of a form, before which nobody has made a cross.
UNCROSSED = re.compile(r"^[ \t]*(?:\[[ \t_]*\]|\([ \t_]*\)|_{2,}).*$", re.MULTILINE)
#: A field of a form that says no: "Unsubscribe from the newsletter: no", "Newsletter: nein".
DENIED = re.compile(
    r"^[^:\n]{1,60}:[ \t]*(?:no|nein|non|não|nee|nie|nej|nei|ei|ne|nem|nu|hayır|нет|ні|не|όχι|false|0)[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
#: What programs are shown in: a text of words alone has no such marks.
SHOWN = re.compile(r"`[^`\n]{1,80}`")
#: In a text of no more words it is what the text says: people send the word they were told to send, marks and all.
FEW = 10
#: What stands before a link of a mailing, and nothing behind it: "Remove me: https://...". Who names a site by its link
#: has a preposition there.
LABEL = re.compile(
    r"^[ \t]*(?:[^\s:]+[ \t]+){0,2}[^\s:]+(?<!\bfrom)(?<!\bof)(?<!\bvon)(?<!\baus)(?<!\bde)(?<!\bdu)(?<!\bda)(?<!\bdi)"
    r"(?<!\bvan)(?<!\baf)(?<!\bfrån)(?<!\bfra)(?<!\bz)(?<!\bod)(?:[ \t]*:\s*|[ \t]+)<?https?://\S+[ \t]*$",
    re.MULTILINE,
)
FEW_LEFT = 3


def holds_code(text: str) -> bool:
    """Whether a text shows a program or its log."""
    return CODE.search(text) is not None


def without_mentions(text: str) -> str:
    """A text without what it mentions in quotation marks and before links, if that leaves more than a few words."""
    if "://" in text:
        # One that is all there is may be a request; two are a mailing.
        text = LABEL.sub(" ", text) if len(LABEL.findall(text)) > 1 else leave_out(LABEL, " ", text, FEW_LEFT)
    if "[" in text or "(" in text or "__" in text:
        text = UNCROSSED.sub(" ", text)
    if ":" in text:
        text = DENIED.sub(" ", text)
    if "`" in text:
        text = leave_out(SHOWN, " ", text, FEW_LEFT)
    return leave_out(MENTION, r"\1 ", text, FEW) if may_quote(text) else text


def without_asides(text: str) -> str:
    """A text without what is in quotation marks within its sentences, if more than that: mentioned, or stressed."""
    return leave_out(ASIDE, " ", text, FEW_LEFT) if may_quote(text) else text


def may_quote(text: str) -> bool:
    """Whether a text has marks of quotation."""
    return any(mark in text for mark in QUOTATION)


def leave_out(mentioned: re.Pattern[str], left: str, text: str, few: int) -> str:
    """A text without what is mentioned so, if more than a few words are left."""
    rest = mentioned.sub(left, text)
    return rest if len(rest.split()) > few else text
