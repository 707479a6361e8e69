"""Access: all that is recorded about an address, and nothing of anybody else. On both databases."""

import json

import pytest

from mailconsent import wire
from mailconsent.errors import InvalidAddress
from mailconsent.model import EventKind, Reason
from mailconsent.services import senders
from mailconsent.services.access import read_dossier
from mailconsent.services.recipients import withdraw
from tests.cast import ANNA, BO, NOW
from tests.doors.serving import new_key
from tests.houses import receipt
from tests.people import HOSTILE, SECRETS, UNCLEAR, deliver, live_through

#: Of an opt-out and a consent: more events than a look-up shows.
PAIRS = wire.LOOKED_UP // 2 + 10


def dossier_of(here, address):
    with here.store.read() as tx:
        return read_dossier(tx, here.rules.policy, address, now=NOW)


def export_of(here, address):
    answer = wire.export_answer(dossier_of(here, address), here.rules.policy)
    return json.loads(wire.write(wire.ExportAnswer, answer))


def test_access_shows_every_event_in_order_with_its_evidence_and_the_wording_shown(installation):
    live_through(installation, ANNA)

    told = export_of(installation, ANNA.upper())

    kinds = [event["kind"] for event in told["events"]]
    assert kinds == ["consent_given", "consent_requested", "sale", "withdrawn", "questioned"]
    given = told["events"][0]
    assert given["evidence"]["wording"] == HOSTILE
    assert given["evidence"]["ip"] == SECRETS[0]
    assert (given["topic"], given["grade"], given["source"]) == ("blog", "B", "test")
    assert {notice["sha256"]: notice["text"] for notice in told["notices"]}[given["notice"]].startswith("Yes, send me")
    assert [(sale["order"], sale["categories"]) for sale in told["sales"]] == [("a", ["mri"])]
    assert {"channel": "api", "source": "test"} in told["sources"]


def test_access_says_what_is_decided_now_and_by_which_event(installation):
    live_through(installation, ANNA)

    verdicts = {v.topic.key: v.decision for v in dossier_of(installation, ANNA).verdicts}

    assert verdicts["blog"].reason is Reason.WITHDRAWN
    assert verdicts["blog"].event_id.seq == 4
    assert verdicts["orders"].allowed


def test_access_answers_why_a_mail_was_sent_on_that_day(installation):
    live_through(installation, ANNA)

    told = export_of(installation, ANNA)

    assert told["sends"] == [
        {
            "send_id": "spring",
            "topic": "blog",
            "day": "2026-03-02",
            "reason": "consent",
            "legal_basis": "consent",
            "event_id": told["events"][0]["event_id"],
        }
    ]


def test_access_shows_what_they_were_answered(installation):
    live_through(installation, ANNA)

    (answer,) = export_of(installation, ANNA)["answers"]

    assert (answer["kind"], answer["state"]) == ("acknowledgement", "waiting")
    assert answer["text"].startswith(f"To: {ANNA}")


def test_access_shows_their_mail_that_had_an_effect_and_that_awaits_a_human(installation):
    live_through(installation, ANNA)
    deliver(installation, BO, f"{UNCLEAR} {ANNA} wrote to me.", uid=3)

    mails = dossier_of(installation, f" {ANNA.upper()}").messages

    assert [(mail.source[-1], mail.state) for mail in mails] == [("1", "done"), ("2", "review")]
    assert all(SECRETS[2].encode() in mail.raw for mail in mails)


def test_access_says_of_each_event_when_it_is_due(installation):
    live_through(installation, ANNA)

    due = {event["kind"]: event["due_on"] for event in export_of(installation, ANNA)["events"]}

    assert due["consent_given"] == due["withdrawn"] == "2027-03-03", "a year after the withdrawal"
    assert due["sale"] == "2032-01-01", "five years after the end of the financial year"


def test_access_names_who_may_ask_about_the_address(installation):
    live_through(installation, ANNA)
    new_key(installation)

    assert [program["name"] for program in export_of(installation, ANNA)["recipients_of_data"]] == ["newsletter"]


def test_nothing_is_told_of_somebody_else_and_nobody_is_made_by_a_look(installation):
    live_through(installation, ANNA)

    dossier = dossier_of(installation, BO)

    assert dossier.is_empty
    told = wire.export_answer(dossier, installation.rules.policy)
    assert not told["known"]
    assert not told["events"] + told["messages"] + told["consent_records"]
    assert told["verdicts"][0]["reason"] == "no_legal_basis"
    assert dossier_of(installation, BO).recipient_id is None


def test_what_is_no_address_is_refused(installation):
    with pytest.raises(InvalidAddress):
        dossier_of(installation, "anna")


def test_a_consent_is_a_record_in_the_fields_of_iso_27560(installation):
    live_through(installation, ANNA)

    records = {
        record["record_id"].rpartition("-")[2]: record for record in export_of(installation, ANNA)["consent_records"]
    }

    assert set(records) == {"blog", "industry"}, "nothing ever was said of alerts alone"
    blog = records["blog"]
    assert blog["schema_version"].startswith("ISO/IEC TS 27560:2023")
    assert ANNA not in blog["pii_principal_id"]
    processing = blog["pii_processing"]
    assert processing["privacy_notice"][0]["text"].startswith("Yes, send me the blog.")
    assert (processing["purpose"], processing["lawful_basis"]) == ("Blog newsletter", "consent")
    assert processing["retention_period"] == "12 months from withdrawal"
    assert processing["jurisdiction"] == "DK"
    assert all(processing[name] for name in ("withdrawal_method", "privacy_rights", "pii_controllers", "authority"))
    assert blog["parties"][0]["party_name"] == "Example Imaging ApS"
    states = [(event["event_type"], event["event_state"]) for event in blog["events"]]
    assert states == [("consent_given", "given"), ("withdrawn", "withdrawn")]
    assert blog["events"][0]["validity_duration"].startswith("P12M"), "the policy lets Danish ones lapse"
    assert [event["event_state"] for event in records["industry"]["events"]] == ["requested", "withdrawn"]


def test_a_look_up_is_short_and_an_export_whole_whatever_there_is(installation):
    about = installation.rules.policy.topic("blog")
    with installation.store.begin() as tx:
        for _ in range(PAIRS):
            withdraw(tx, ANNA, receipt(), topic=about.number)
            senders.record_consent(tx, about, ANNA, receipt(wording="x"))

    looked_up = wire.lookup_answer(dossier_of(installation, ANNA), installation.rules.policy)

    assert len(looked_up["events"]) == wire.LOOKED_UP
    assert looked_up["older_events"] == 2 * PAIRS - wire.LOOKED_UP
    assert looked_up["events"][-1]["kind"] is EventKind.CONSENT_GIVEN
    assert len(export_of(installation, ANNA)["events"]) == 2 * PAIRS
