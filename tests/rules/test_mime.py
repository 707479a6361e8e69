"""What reads mail faster than the standard library's parser reads it as that parser does."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailconsent import mime
from mailconsent.message import cap

ROOT = Path(__file__).parent.parent.parent
OURS = ROOT / "tests" / "vectors" / "messages"
#: Other people's mail, which is not ours to publish; where it is missing, our own vectors are broken alone.
CORPUS = Path(os.environ.get("CORPUS", ROOT.parent / "shared" / "corpus")) / "messages"
#: Damages of each mail.
DAMAGES = 8


def alike(raw: bytes) -> bool:
    data, _defect = mime.cut_header(cap(raw)[0])
    return shape(mime.read_entity(data)) == shape(mime.PARSER.parsebytes(data))


def shape(part: mime.Entity) -> tuple[object, object]:
    """Fields and content of a part. Nobody reads a line end at its end, or a block of a report that says nothing."""
    content = part.get_payload()
    if isinstance(content, list):
        return part.items(), [found for found in map(shape, content) if found != ([], "")]
    return part.items(), (content or "").rstrip("\n")


def damaged(raw: bytes, chance: random.Random) -> bytes:
    """A mail with one line lost, doubled, cut off or continued, boundaries first."""
    lines = raw.split(b"\n")
    boundaries = [at for at, line in enumerate(lines) if line.startswith(b"--")]
    at = chance.choice(boundaries) if boundaries and chance.random() < 0.5 else chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            del lines[at:]
        case 1:
            del lines[at]
        case 2:
            lines.insert(at, chance.choice(lines))
        case _:
            lines[at] += chance.choice([b"--", b" ", b"x", b"\t\t", b" --", b"\n", b"\n\n", b": x", b"\r"])
    return b"\n".join(lines)


@pytest.mark.parametrize(
    "folder", [folder for folder in (OURS, CORPUS) if folder.exists()], ids=lambda f: f.parent.name
)
def test_whole_and_broken_mail_is_read_as_the_parser_reads_it(folder: Path) -> None:
    chance = random.Random(20261123)  # the same damages each time
    for path in sorted(folder.glob("*.eml")):
        raw = path.read_bytes()
        for mail in (raw, *(damaged(raw, chance) for _ in range(DAMAGES))):
            assert alike(mail), path.name


HEADERS = st.sampled_from(
    [
        "",
        "Subject: x\n",
        "Subject : x\n",
        " continued\n",
        "From sender\n",
        ": no name\n",
        "no colon\n",
        "X: a\n b\n\tc\n",
        "Content-Type: text/html; charset=utf-8\n",
        "Content-Type: multipart/mixed; boundary=a\n",
        'Content-Type: multipart/alternative; boundary="b"\n',
        "Content-Type: multipart/digest; boundary=a\n",
        "Content-Type: multipart/mixed\n",
        "Content-Type: message/rfc822\n",
        "Content-Type: message/delivery-status\n",
    ]
)
LINES = st.sampled_from(
    ["", "text", "--a", "--a--", "--a ", "--a-- x", "--ab", "--b", "--b--", "--", "Subject: y", " z", "From here"]
)
PIECES = st.one_of(HEADERS, LINES.map("{}\n".format))


@given(st.lists(HEADERS, max_size=4), st.lists(PIECES, max_size=25), st.booleans())
def test_whatever_stands_in_a_mail_it_is_read_as_the_parser_reads_it(
    header: list[str], rest: list[str], ends: bool
) -> None:
    mail = "".join([*header, "\n", *rest])
    assert alike((mail if ends else mail.removesuffix("\n")).encode())


@given(st.text(st.sampled_from("a=;: \"'\t\\,()/-cChHaArRsStTuUfF80"), max_size=40))
def test_a_parameter_is_read_as_the_parser_reads_it(text: str) -> None:
    part = mime.parse_header(f"Content-Type: text/plain; {text}".encode())
    expected = part.get_param("charset", "")
    assert mime.parameter(part, "charset") == (expected if isinstance(expected, str) else "")


#: Bodies with the boundary `b`, and their parts (RFC 2046 section 5.1.1).
BODIES = [
    (b"", []),
    (b"no boundary at all", []),
    (b"--b--\nafter", []),  # ends before it begins
    (b"--b\none\n--b--", [b"one"]),
    (b"before\n--b\none\n--b\ntwo\n--b--\nafter", [b"one", b"two"]),
    (b"--b\n--b\none\n--b--", [b"one"]),  # doubled
    (b"--b\n\n--b\n--b--\none\n--b--", [b"", b"one"]),  # ended at once, and begun again: as the parser has it
    (b"--b \t\none\n--b-- \n", [b"one"]),  # padded on the way
    (b"--b\none\n--bc\n--b x\n--b--", [b"one\n--bc\n--b x"]),  # another's
    (b"--b\none\n", [b"one"]),  # cut off
    (b"--b\n\n--b--", [b""]),
]


@pytest.mark.parametrize(("body", "parts"), BODIES)
def test_parts_stand_between_boundary_lines(body: bytes, parts: list[bytes]) -> None:
    assert mime.split_parts(body, "b") == parts


def test_a_boundary_is_text_of_ascii() -> None:
    assert mime.split_parts(b"--\xc3\xb8\none\n--\xc3\xb8--", "ø") == []
    assert mime.split_parts(b"--\none\n----", "") == []
