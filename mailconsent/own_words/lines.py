"""The writer's lines of a plain text: what mail programs put around them goes, with all that they quote."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from mailconsent.own_words.marks import (
    BRACKETED_ADDRESS,
    DATE_OR_TIME,
    attributes_within,
    begins_disclaimer,
    has_field_shape,
    is_app_line,
    is_attribution,
    is_banner,
    is_divider,
    is_field,
    is_rule,
    opens_date,
)

MAX_CHARS = 20_000
#: Who writes more than this asks for something else, too; nothing beyond it is looked at.
MAX_OWN = 1_200
#: An attribution is wrapped over no more lines, and has no more letters.
MAX_WRAPPED, MAX_ATTRIBUTION = 4, 400
MAX_SENDER = 120
MAX_NAME = 14
#: A marked line of that length was wrapped once more on its way, if the rest of its last word is below it.
WRAPPED, REST = 60, 40

BLANK_LINES = re.compile(r"\n{3,}")
QUOTE_MARKS = (">", "|", "&gt;", "＞")
SIGNATURE_MARKS = frozenset({"--", "—", "–", "- --"})
#: What turns the direction of writing, and blanks of no width: Gmail puts them around names in Hebrew and Arabic.
INVISIBLE = re.compile("[\u200b\u200e\u200f\u061c\ufeff\u202a-\u202e\u2066-\u2069]+")


def strip_quotes(text: str) -> str:
    """The lines of a plain text that are neither quoted nor a signature."""
    text = text[:MAX_CHARS]
    if not text.isascii():
        text = INVISIBLE.sub("", text)
    lines = [line[:MAX_OWN].strip() for line in text.split("\n")]
    return BLANK_LINES.sub("\n\n", "\n".join(own_lines(mark_named(lines)))).strip()


def own_lines(lines: Sequence[str]) -> Iterator[str]:
    """
    The writer's lines in order: above a quote, between quotes, and below one that is marked.

    Where a quote is not marked, nothing tells where it ends, so that nothing below counts.
    """
    at, said, signed = 0, 0, False
    while at < len(lines) and said < MAX_OWN:
        line = lines[at]
        if not line:
            at += 1
            yield line
        elif is_marked(line):
            at, signed = at + 1 + has_rest(lines, at), False
            yield ""
        elif length := head_length(lines, at, said):
            at += length
            if not is_marked(below(lines, at)):
                return
            yield ""
        elif signed:
            at += 1
        elif line in SIGNATURE_MARKS or begins_disclaimer(" ".join(lines[at : at + 5])):
            at, signed = at + 1, True
        elif is_app_line(line):
            # Some phones put the cursor below it: then what is below is all that was said.
            at, signed = at + 1, said > 0
            yield ""
        elif is_rule(line):
            at += 1
            yield ""
        else:
            yield line
            at, said = at + 1, said + len(line)


def is_marked(line: str) -> bool:
    """Whether a line is marked as quoted."""
    return line.startswith(QUOTE_MARKS)


def mark_named(lines: Sequence[str]) -> Sequence[str]:
    """
    The lines with those marked that are quoted by name: some programs put the initials or the name of the quoted before
    the mark. A name is one that is on several lines.
    """
    names = [quoted_name(line) for line in lines]
    times = Counter(filter(None, names))
    if not times:
        return lines
    return [
        ">" if name and (times[name] > 1 or name.isupper()) else line for name, line in zip(names, lines, strict=True)
    ]


def quoted_name(line: str) -> str:
    """What stands before the mark of a line that may be quoted by name, or nothing."""
    name, mark, rest = line[:MAX_NAME].partition(">")
    return name if mark and name.isalpha() and rest[:1] in ("", " ", ">") else ""


def has_rest(lines: Sequence[str], at: int) -> bool:
    """Whether the next line is the rest of this marked one, which somebody wrapped without a mark."""
    if len(lines[at]) < WRAPPED or at + 2 >= len(lines) or not is_marked(lines[at + 2]):
        return False
    rest = lines[at + 1]
    return 0 < len(rest) <= REST and not is_marked(rest) and lines[at][-1].isalnum() and not rest[0].isupper()


def below(lines: Sequence[str], at: int) -> str:
    """The next line that says something, or nothing."""
    return next((lines[place] for place in range(at, len(lines)) if lines[place]), "")


def head_length(lines: Sequence[str], at: int, said: int) -> int:
    """How many lines it takes to say here that a quote follows; 0 if none does."""
    line = lines[at]
    if is_divider(line):
        return 1 + block_length(lines, at + 1)
    if is_rule(line):
        # A line drawn above the first word is a decoration, unless a quoted mail follows.
        block = block_length(lines, at + 1)
        return 1 + block if block or said else 0
    if said and is_banner(line):
        return 1
    return attribution_length(lines, at) or block_length(lines, at)


def attribution_length(lines: Sequence[str], at: int) -> int:
    """How many lines the attribution takes that begins here ("Am 1. Mai um 10:30 schrieb Anna:"); 0 if none does."""
    if attributes_within(lines[at][:MAX_ATTRIBUTION]):
        return 1
    for length, line in enumerate(lines[at : at + MAX_WRAPPED], 1):
        if not line or is_marked(line):
            return 0
        if line.endswith((":", "：")):
            text = " ".join(lines[at : at + length])
            if len(text) > MAX_ATTRIBUTION:
                return 0
            marked = is_marked(below(lines, at + length))
            if not is_attribution(text, marked):
                return 0
            rest = " ".join(lines[at + 1 : at + length])
            if not rest or not is_attribution(rest, marked):
                return length
            # It begins in the next line already; this one is the writer's, or has the date of it.
            return length if opens_date(lines[at]) and not DATE_OR_TIME.search(rest) else 0
    return 0


def block_length(lines: Sequence[str], at: int) -> int:
    """How many lines the header fields of a quoted mail take that begin here, blank ones included; 0 if none."""
    first = below(lines, at)
    if ":" not in first and "：" not in first and "@" not in first and not is_field(first):
        return 0
    window = said_lines(lines, at)
    if not window:
        return 0
    skipped = sender_length([line for _number, line in window])
    found = [number for number, line in window[skipped : skipped + 6] if is_field(line)]
    if len(found) >= 3 and is_field(window[skipped][1]):
        return found[-1]
    # In a language that nobody has told us: four fields, the first with an address, another with a date.
    four = [line for _number, line in window[:4]]
    if (
        BRACKETED_ADDRESS.search(four[0])
        and all(map(has_field_shape, four))
        and any(map(DATE_OR_TIME.search, four[1:]))
    ):
        return window[3][0]
    return 0


def said_lines(lines: Sequence[str], at: int) -> list[tuple[int, str]]:
    """The next lines that say something and are not marked, with how many lines there are up to each; too few: none."""
    found: list[tuple[int, str]] = []
    for number, line in enumerate(lines[at : at + 16], 1):
        if is_marked(line):
            break
        if line:
            found.append((number, line))
    return found if len(found) > 3 else []


def sender_length(lines: Sequence[str]) -> int:
    """How many of these lines say who and when, as Lotus Notes puts it above the fields; 0 to 2."""
    first, second = lines[:2]
    if len(first) > MAX_SENDER or has_field_shape(first) or not BRACKETED_ADDRESS.search(first):
        return 0
    if DATE_OR_TIME.search(first):
        return 1
    return 2 if second[0].isdigit() and len(second) <= MAX_SENDER and DATE_OR_TIME.search(second) else 0
