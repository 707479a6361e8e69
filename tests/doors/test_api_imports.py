"""Sales and imports over the API."""

from datetime import UTC, datetime

import pytest

from mailconsent.notice import Notice
from mailconsent.services.installation import Installation
from mailconsent.store.access import Scope
from mailconsent.store.notices import keep_notice
from tests.cast import ANNA, BO
from tests.doors.serving import Sender, told
from tests.houses import rows

SALE = {"address": ANNA, "order": "SO-1", "sold_on": "2026-03-01", "state": "paid"}
OUT = {"kind": "opt-outs", "rows": [{"address": ANNA}, {"address": "nobody"}]}


def events(here: Installation) -> object:
    return rows(here, "select count(*) from events")[0][0]


def test_a_sale_is_recorded_once_and_its_end_under_the_same_event(installation: Installation, sender: Sender) -> None:
    first, again, end = (
        told(sender.post("sales", SALE | change)) for change in ({}, {"categories": ["x-ray"]}, {"state": "refunded"})
    )

    assert [first["repeated"], again["repeated"], end["repeated"]] == [False, True, False]
    assert first["event_id"] == again["event_id"] == end["event_id"]
    assert events(installation) == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"order": ""}, "no number"),
        ({"order": " "}, "none either"),
        ({"sold_on": "2026-03-01T00:00:00Z"}, "a moment"),
        ({"sold_on": 20260301}, "a number"),
        ({"state": "done"}, "no such state"),
        ({"categories": "scanners"}, "one text"),
        ({"categories": ["anna@example.com"]}, "an address, which could not be erased from the ledger"),
        ({"entity": "Our Company"}, "a name, not a key"),
        ({"opted_out": "yes"}, "not a boolean"),
        ({"notice": "a b"}, "not a version"),
        ({"address": "nobody"}, "not an address"),
    ],
)
def test_a_sale_of_the_wrong_shape_is_refused(installation: Installation, change: dict[str, object], why: str) -> None:
    answer = Sender(installation).post("sales", SALE | change)

    assert answer.status_code == 422, why
    assert "anna" not in answer.text
    assert events(installation) == 0


def test_an_import_is_a_dry_run_unless_told_otherwise(installation: Installation, sender: Sender) -> None:
    sender.consent(ANNA)
    shown = told(sender.post("imports", OUT))
    before = events(installation)
    done = told(sender.post("imports", OUT | {"dry_run": False}))
    again = told(sender.post("imports", OUT | {"dry_run": False}))

    rejected = [{"row": 2, "why": "This is not an e-mail address."}]
    assert (shown["batch"], shown["rejected"], shown["counts"]["lost"]) == (None, rejected, {"blog": 1})
    assert before == 1
    assert (done["repeated"], done["rejected"], done["counts"]["new"]) == (False, rejected, 1)
    assert again == done | {"repeated": True}
    assert sender.check(ANNA)[0]["reason"] == "withdrawn"


def test_consents_of_who_left_are_refused_and_a_column_unknown_costs_its_row(
    installation: Installation, sender: Sender
) -> None:
    sender.withdraw(BO)
    people = [{"address": BO}, {"address": ANNA, "tpoic": "blog"}]
    asked = {"kind": "consents", "topic": "blog", "evidence": {"wording": "Yes"}, "partial": True, "rows": people}

    answer = told(sender.post("imports", asked | {"dry_run": False}))

    assert answer["counts"]["denied"] == {"withdrawn": 1}
    assert [row["row"] for row in answer["rejected"]] == [2]
    assert events(installation) == 1


def test_rows_that_could_not_be_used_then_and_could_be_now_are_no_repeat(
    installation: Installation, sender: Sender
) -> None:
    notice = Notice(key="blog", version="1", language="en", text="Send me the blog")
    rows_of = [{"address": ANNA, "notice_sha256": notice.sha256}]
    asked = {"kind": "consents", "topic": "blog", "evidence": {"wording": "Yes"}, "partial": True, "rows": rows_of}
    first = told(sender.post("imports", asked | {"dry_run": False}))
    with installation.store.begin() as tx:
        keep_notice(tx, notice, now=datetime.now(UTC))

    again = sender.post("imports", asked | {"dry_run": False})

    assert first["counts"]["bad"] == 1
    assert again.status_code == 422
    assert "1 rows could not be used" in told(again)["detail"]


def test_a_topic_that_is_none_refuses_all_rows(sender: Sender) -> None:
    assert sender.post("imports", OUT | {"topic": "nope"}).status_code == 422


@pytest.mark.parametrize(("path", "asked", "scope"), [("sales", SALE, Scope.SALES), ("imports", OUT, Scope.IMPORTS)])
def test_each_call_needs_its_own_scope(
    installation: Installation, path: str, asked: dict[str, object], scope: Scope
) -> None:
    others = [other for other in Scope if other is not scope]

    assert Sender(installation, *others).post(path, asked).status_code == 403
    assert Sender(installation, scope).post(path, asked).status_code == 200
