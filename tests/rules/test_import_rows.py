"""Files and rows of imports: what is read, and what is refused for which reason."""

import tomllib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mailconsent.bloom import Seen
from mailconsent.csv_rows import MAX_RECORD, read_records
from mailconsent.errors import Refused
from mailconsent.import_rows import BadRow, Row, Wanted, read_header, read_named, read_row
from mailconsent.model import ImportKind
from mailconsent.policy import read_policy
from tests.houses import POLICY

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "imports.toml").read_text("utf-8"))
_READ = read_policy(POLICY.read_text("utf-8"))
HERE = replace(_READ, controller=replace(_READ.controller, time_zone=ZoneInfo("Europe/Copenhagen")))


def lines(text: str | bytes) -> list[bytes]:
    """As a file gives them: only a line feed ends a line."""
    return BytesIO(text if isinstance(text, bytes) else text.encode()).readlines()


def read_file(text: str, kind: ImportKind) -> list[Row | BadRow]:
    header, *records = read_records(lines(text))
    columns = read_header(kind, header.fields)
    return [read_row(Wanted(kind=kind), HERE, columns, record.fields, record.line) for record in records]


@pytest.mark.parametrize("case", VECTORS["rows"], ids=lambda case: case["why"])
def test_a_row_is_read_or_put_aside_for_its_reason(case):
    [row] = read_file(f"{case['header']}\n{case['row']}\n", ImportKind(case["kind"]))

    if "why_not" in case:
        assert isinstance(row, BadRow)
        assert case["why_not"] in row.why
        assert "anna" not in row.why, "a reason repeats no address"
    else:
        assert isinstance(row, Row), row
        assert row.line == 2
        told = row.asked.model_dump()
        for name, value in case["read"].items():
            found = told[name]
            found = found.isoformat() if hasattr(found, "isoformat") else found
            assert (found if isinstance(value, dict) else str(found or "")) == value


@pytest.mark.parametrize("case", VECTORS["files"], ids=lambda case: case["why"])
def test_a_file_that_is_not_certain_is_refused_whole(case):
    with pytest.raises(Refused) as refusal:
        read_file(case["text"], ImportKind.OPT_OUTS)

    assert case["why_not"] in str(refusal.value)
    assert "anna" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"address,topic\nanna@example.com,blog\n", "as it should be"),
        (b"\xef\xbb\xbfaddress,topic\r\nanna@example.com,blog\r\n", "a spreadsheet's mark and line ends"),
        (b"address;topic\nanna@example.com;blog\n", "a spreadsheet in Denmark"),
        (b"address\ttopic\nanna@example.com\tblog\n", "tabs"),
        (b"address,topic\n\n\nanna@example.com,blog", "empty lines, and no end of the last"),
        (b'"address","topic"\n"anna@example.com","blog"\n', "quotes everywhere"),
    ],
)
def test_files_of_many_programs_say_the_same(text, why):
    header, record = read_records(lines(text))

    assert (header.fields, record.fields) == (["address", "topic"], ["anna@example.com", "blog"]), why


def test_a_record_goes_by_its_first_line():
    text = 'address,wording\nanna@example.com,"Yes,\nsend me\nthe blog"\nbo@example.net,Yes\n'

    assert [record.line for record in read_records(lines(text))] == [1, 2, 5]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("address\nanna@exämple.com\n".encode("latin-1"), "Line 2 is not in UTF-8"),
        ("address\n".encode("utf-16"), "UTF-16"),
        (b"address\n" + b"x" * (MAX_RECORD + 1), "Line 2"),
        (b"address\n" + b"x" * 200_000 + b"\n", "Line 2"),
        (b'address\n"' + b"x\n" * MAX_RECORD, "Line 2"),
    ],
    ids=["Latin-1", "UTF-16", "an endless line", "an endless field", "an endless quote"],
)
def test_what_cannot_be_read_is_refused_with_its_line(text, says):
    with pytest.raises(Refused, match=says):
        list(read_records(lines(text)))


def test_a_topic_and_evidence_for_all_rows_fill_what_a_row_leaves_out():
    wanted = Wanted(kind=ImportKind.CONSENTS, topic="blog", evidence={"importer": "Kim", "form": "old"})

    row = read_named(wanted, HERE, {"address": "anna@example.com", "form": "footer", "importer": ""}, 1)

    assert isinstance(row, Row)
    assert row.topic.key == "blog"
    assert row.asked.evidence == {"importer": "Kim", "form": "footer"}


def test_a_mended_side_file_is_a_file_like_any_other():
    [row] = read_file("line,why,address\n7,This is not an e-mail address.,anna@example.com\n", ImportKind.OPT_OUTS)

    assert isinstance(row, Row)
    assert row.asked.address == "anna@example.com"


def test_what_was_seen_is_known_again_and_nothing_else_is():
    seen = Seen()

    assert [seen.again(str(number).encode()) for number in range(5_000)] == [False] * 5_000
    assert all(seen.again(str(number).encode()) for number in range(5_000))
