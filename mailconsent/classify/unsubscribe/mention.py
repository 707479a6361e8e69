"""Words of requests that a text mentions and does not say: in programs, and in quotation marks."""

import re

#: What stands in programs, patches and their logs, and not in letters.
CODE = re.compile(
    r"\w\(\)|\w\)[ \t]*;[ \t]*$"
    r"|^(?:diff --git|@@ -\d|Traceback \(|Signed-off-by:|\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)",
    re.MULTILINE,
)
#: A clause of its own in quotation marks is an example, or what somebody else said.
MENTION = re.compile(r"""(^|[:,;.(–—-])[ \t]*["“„«][^"“”„«»\n]{1,80}["”“»](?=[ \t]*(?:[,:;.!?)]|$))""", re.MULTILINE)
QUOTATION = ('"', "“", "„", "«")
#: In a text of no more words it is what the text says: people send the word they were told to send, marks and all.
FEW = 10


def holds_code(text: str) -> bool:
    """Whether a text shows a program or its log."""
    return CODE.search(text) is not None


def without_mentions(text: str) -> str:
    """A text without what it mentions in quotation marks, if that leaves more than a few words."""
    if not any(mark in text for mark in QUOTATION):
        return text
    rest = MENTION.sub(r"\1 ", text)
    return rest if len(rest.split()) > FEW else text
