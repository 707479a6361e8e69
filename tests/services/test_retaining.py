"""Deleting what is due, through the database: what goes is gone everywhere, what stays decides as before."""

import contextlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from mailconsent.due import Kept, address_due, event_due, terms_of
from mailconsent.model import Channel, Classification, Evidence, Label
from mailconsent.rights import Answer, Right
from mailconsent.services import requests, retention
from mailconsent.services.access import read_dossier
from mailconsent.services.holds import place_hold
from mailconsent.services.operators import release
from mailconsent.services.rebuild import rebuild_all
from mailconsent.services.retention import Run
from mailconsent.services.rights import restrict
from mailconsent.services.sealing import seal_days
from mailconsent.services.sends import record_sends
from mailconsent.store import finished
from mailconsent.store.certificates import read_certificates
from mailconsent.store.dossier import note_erasure
from mailconsent.store.holds import HoldReason
from mailconsent.store.inbox import State, Stored, remember
from mailconsent.store.ledger import append, read_events
from mailconsent.store.mailboxes import Cursor, take_lease
from mailconsent.store.outbox import Letter, LetterKind, add_letter
from mailconsent.store.recipients import describe, lock_address, lock_known
from mailconsent.store.retention import tidy
from tests.cast import ANNA, BO, CECILIA, NOW, receipt
from tests.histories import START, TOPICS, decided, histories_with_sales, history, joined
from tests.houses import build, rows, unfolded
from tests.ledgers import verify

#: A year and more after every history of a few hours: consents are over, and bookkeeping is not.
LATER = START + timedelta(days=500)
#: Bookkeeping, too.
LATE = START + timedelta(days=6 * 366)


def write(here, address, notation):
    """A history of somebody: the address as given, and evidence that is found again."""
    with here.store.begin() as tx:
        for event in history(notation) if isinstance(notation, str) else notation:
            recipient = lock_address(tx, address)
            describe(tx, recipient, address=address, language="da")
            append(tx, recipient, event, Evidence(details={"wording": proof(address, event.seq)}))


def proof(address, seq):
    return f"proof {seq}. of {address.partition('@')[0]}"


def retain(here, now=LATER, *, dry_run=False):
    run = Run(here.store, here.rules.policy, now=now, dry_run=dry_run)
    for _ in run.steps():
        pass
    return run


def counts(run):
    return {kept: tally.count for kept, tally in run.tallies.items() if tally.count}


def remaining(here, address):
    with here.store.begin() as tx:
        known = lock_known(tx, address)
        return None if known is None else [event.seq for event in known.events]


def everything(here):
    """All that is in the database, as text."""
    tables = (
        "select name from sqlite_master where type = 'table'"
        if here.store.is_sqlite
        else "select tablename from pg_tables where schemaname = 'public'"
    )
    found = []
    with here.store.read() as tx:
        for (table,) in tx.connection.execute(text(tables)).all():
            for row in tx.connection.execute(text(f"select * from {table}")):
                found += [
                    bytes(cell).decode("latin-1") if isinstance(cell, bytes | memoryview) else str(cell) for cell in row
                ]
    return "\n".join(found)


def on_disk(folder):
    """The bytes of the SQLite file and its companions."""
    return b"".join(path.read_bytes() for path in Path(folder).glob("mailconsent.db*"))


def certificates(here):
    with here.store.read() as tx:
        return [(c.records, c.count, c.oldest, c.newest) for c in read_certificates(tx)]


def test_a_year_after_the_withdrawal_only_the_no_is_left(installation):
    write(installation, ANNA, "B1 W1")
    write(installation, BO, "B1")
    seal_days(installation.store, now=LATER)

    foreseen = retain(installation, dry_run=True)
    assert ANNA in everything(installation), "a dry run deletes nothing"
    run = retain(installation)

    assert counts(run) == counts(foreseen) == {Kept.CONSENT: 1, Kept.OPT_OUT: 1, Kept.ADDRESS: 1}
    assert (remaining(installation, ANNA), remaining(installation, BO)) == ([2], [1])
    held = everything(installation)
    assert ANNA not in held
    assert "of anna" not in held
    assert {BO, proof(BO, 1)} <= set(held.replace('"', "\n").splitlines())
    assert rows(installation, "select denial, consent from standings order by denial is null") == [
        ("withdrawn", None),
        (None, 1),
    ]


def test_the_ledger_is_proven_and_nothing_is_to_be_mended_afterwards(installation):
    for address in (ANNA, BO, CECILIA):
        write(installation, address, "C1 B1 W1 W1 P2")
    seal_days(installation.store, now=START + timedelta(days=2))

    retain(installation)

    seal_days(installation.store, now=LATER)
    assert verify(installation.store).fault is None
    assert list(rebuild_all(installation.store))[-1][1] == 0
    assert unfolded(installation) == []


def test_what_was_deleted_before_any_seal_covered_it_is_proven_too(installation):
    write(installation, ANNA, "B1 W1")
    retain(installation)

    seal_days(installation.store, now=LATER)
    assert verify(installation.store).fault is None


def test_nothing_is_due_the_day_before_and_nothing_is_left_for_a_second_run(installation):
    write(installation, ANNA, "B1 W1")
    last = datetime(2027, 1, 1, 22, 59, tzinfo=UTC)  # a minute to midnight in Copenhagen

    assert counts(retain(installation, last)) == {}
    assert counts(retain(installation, last + timedelta(minutes=1))) != {}
    assert counts(retain(installation, last + timedelta(days=2))) == {}


def test_a_request_that_nobody_confirmed_leaves_nothing_at_all(installation):
    write(installation, ANNA, "P1")

    run = retain(installation, START + timedelta(days=32))

    assert counts(run) == {Kept.REQUEST: 1, Kept.ADDRESS: 1, Kept.DIGEST: 1}
    assert remaining(installation, ANNA) is None
    assert rows(installation, "select count(*) from recipients") == [(0,)]


def test_what_still_decides_stays_without_its_evidence(installation):
    write(installation, ANNA, "W* A1 $")

    def proofs():
        return [seq for seq in (1, 2, 3) if proof(ANNA, seq) in everything(installation)]

    retain(installation)
    assert proofs() == [2, 3], "the consent stands, and its proof with it"

    run = retain(installation, LATE)
    assert proofs() == [], "nobody made use of it, so it lapsed years ago"
    assert remaining(installation, ANNA) == [1, 2, 3]
    assert run.tallies[Kept.TRANSACTION].stays == 1


def test_what_was_sent_goes_but_not_the_last_mail_that_keeps_a_consent_alive(installation):
    write(installation, ANNA, "B1 B2")
    blog, alerts = (installation.rules.policy.topic(key) for key in ("blog", "alerts"))
    days = (START + timedelta(days=30), START + timedelta(days=60), START + timedelta(days=300))
    for number, (topic, at) in enumerate([(blog, days[0]), (blog, days[1]), (alerts, days[0]), (alerts, days[2])]):
        with installation.store.begin() as tx:
            record_sends(tx, installation.rules.policy, topic, f"send-{number}", [ANNA], sent_at=at, now=at)

    run = retain(installation)

    assert counts(run) == {Kept.SEND: 2}
    assert rows(installation, "select send_id from sends order by send_id") == [("send-1",), ("send-3",)]
    assert unfolded(installation) == []

    write(installation, ANNA, [replace(event, received_at=LATER) for event in history("W* W*")[:1]])
    retain(installation, LATER + timedelta(days=400))
    assert rows(installation, "select send_id from sends") == []
    assert rows(installation, "select used_on from standings where used_on is not null") == []
    assert unfolded(installation) == []


def test_a_hold_keeps_everything_until_it_is_ended(installation):
    write(installation, ANNA, "B1 W1")
    with installation.store.begin() as tx:
        place_hold(
            tx,
            installation.rules.policy,
            address=ANNA,
            reason=HoldReason.LEGAL_CLAIM,
            review_by=date(2026, 6, 1),
            now=NOW,
        )

    for dry_run in (True, False):
        run = retain(installation, dry_run=dry_run)
        assert counts(run) == {}
        assert run.tallies[Kept.CONSENT].held == 1
    assert remaining(installation, ANNA) == [1, 2], "an overdue review ends no hold"
    assert ANNA in everything(installation)

    with installation.store.begin() as tx:
        tx.connection.execute(text("update legal_holds set ended_at = :now"), {"now": NOW.isoformat()})
    retain(installation)
    assert remaining(installation, ANNA) == [2]


def test_while_somebody_is_restricted_nothing_of_theirs_is_deleted(installation):
    source = store_mail(installation, 1, Label.UNSUBSCRIBE)
    write(installation, ANNA, [replace(event, source=source) for event in history("B1 W1")])
    with installation.store.begin() as tx:
        restriction = restrict(tx, ANNA, receipt()).event_id
        asked = requests.add(tx, Right.RESTRICTION, NOW.date(), today=NOW.date(), address=ANNA)
        requests.answer(tx, asked.id, Answer.FULFILLED, today=NOW.date())

    for dry_run in (True, False):
        run = retain(installation, dry_run=dry_run)
        assert counts(run) == {}
        kinds = (Kept.CONSENT, Kept.OPT_OUT_MAIL, Kept.RIGHTS_REQUEST)
        assert [run.tallies[kind].held for kind in kinds] == [1, 1, 1]
    assert (remaining(installation, ANNA), texts(installation)) == ([1, 2, 3], [1])
    assert days_shown(installation) == [None] * 3

    with installation.store.begin() as tx:
        release(tx, restriction, receipt(Channel.OPERATOR), "the claim is settled")
    run = retain(installation)
    assert ANNA not in everything(installation)
    assert (texts(installation), run.tallies[Kept.RIGHTS_REQUEST].count) == ([], 1)


def days_shown(here):
    with here.store.read() as tx:
        return [told.due_on for told in read_dossier(tx, here.rules.policy, ANNA, now=NOW).happenings]


def test_the_day_that_a_person_is_told_counts_what_was_sent_to_them(installation):
    write(installation, ANNA, "B1")
    blog, sent = installation.rules.policy.topic("blog"), START + timedelta(days=30)
    assert days_shown(installation) == [date(2028, 1, 2)]

    with installation.store.begin() as tx:
        record_sends(tx, installation.rules.policy, blog, "send-1", [ANNA], sent_at=sent, now=sent)

    assert days_shown(installation) == [date(2028, 2, 1)]


def test_a_request_that_was_answered_and_an_erasure_go_a_year_later_and_then_the_digest_may(installation):
    write(installation, ANNA, "P1")
    today = NOW.date()
    with installation.store.begin() as tx:
        for answered in (True, False):
            asked = requests.add(tx, Right.ERASURE, today, today=today, address=ANNA if answered else None)
            if answered:
                requests.answer(tx, asked.id, Answer.FULFILLED, today=today)
        note_erasure(tx, 7, receipt(), evidence=0, messages=0, events=0)

    assert Kept.DIGEST not in counts(retain(installation, NOW + timedelta(days=365)))
    foreseen = retain(installation, NOW + timedelta(days=366), dry_run=True)
    run = retain(installation, NOW + timedelta(days=366))

    assert counts(run) == counts(foreseen) == {Kept.RIGHTS_REQUEST: 1, Kept.ERASURE: 1, Kept.DIGEST: 1}
    assert rows(installation, "select answered_on from rights_requests") == [(None,)], "nobody answered it yet"
    assert ("rights_request", 1, today, today) in certificates(installation)
    assert counts(retain(installation, NOW + timedelta(days=366))) == {}


def test_that_somebody_was_written_to_is_known_for_a_week_and_then_nothing_is(installation):
    with installation.store.begin() as tx:
        stranger = lock_address(tx, ANNA)
        raw = f"To: {ANNA}\r\n\r\n".encode()
        times = {"created_at": NOW, "expires_at": NOW + timedelta(days=1)}
        kind = LetterKind.ACKNOWLEDGEMENT
        add_letter(tx, Letter(recipient_id=stranger.id, id="a" * 32, kind=kind, address=ANNA, raw=raw, **times))

    assert counts(retain(installation, NOW + timedelta(days=7))) == {}
    run = retain(installation, NOW + timedelta(days=7, seconds=1))

    assert counts(run) == {Kept.LETTER: 1, Kept.DIGEST: 1}
    assert ANNA not in everything(installation)
    assert rows(installation, "select 1 from recipients") == []


def test_what_is_finished_goes_in_bounded_steps(installation, monkeypatch):
    monkeypatch.setattr(finished, "PAGE", 2)
    with installation.store.begin() as tx:
        for number in range(5):
            note_erasure(tx, number, receipt(), evidence=0, messages=0, events=None)

    assert counts(retain(installation)) == {Kept.ERASURE: 5}
    assert certificates(installation) == [("erasure", 5, NOW.date(), NOW.date())]


def test_a_run_that_is_broken_off_is_gone_on_with_and_the_certificates_add_up(installation, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 1)
    people = [f"anna-{number}@example.com" for number in range(5)]
    for address in people:
        write(installation, address, "B1 W1")

    steps = Run(installation.store, installation.rules.policy, now=LATER).steps()
    next(steps)
    next(steps)
    steps.close()
    assert sum("anna" in line for line in everything(installation).splitlines()) > 0
    retain(installation)

    assert [remaining(installation, address) for address in people] == [[2]] * 5
    assert certificates(installation) == [
        ("address", 5, date(2027, 5, 16), date(2027, 5, 16)),
        ("consent", 5, date(2026, 1, 1), date(2026, 1, 1)),
        ("opt_out", 5, date(2026, 1, 1), date(2026, 1, 1)),
    ]


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_whom_somebody_else_has_locked_is_left_to_the_next_run(installation):
    write(installation, ANNA, "B1 W1")
    write(installation, BO, "B1 W1")

    with installation.store.begin() as tx:
        lock_known(tx, ANNA)
        run = retain(installation)
    assert (run.busy, remaining(installation, ANNA), remaining(installation, BO)) == (1, [1, 2], [2])

    assert retain(installation).busy == 0
    assert remaining(installation, ANNA) == [2]


def store_mail(here, uid, label, state=State.DONE, received_at=NOW):
    verdict = Classification(label=label, detector="unsubscribe", reason="word", confidence=1.0)
    with here.store.begin() as tx:
        take_lease(tx, "inbox", "holder", now=NOW, lease=timedelta(minutes=1))
        [(mailbox,)] = tx.connection.execute(text("select id from mailboxes")).all()
        mail = Stored(
            uid=uid,
            raw_digest=bytes(16),
            content_digest=None,
            state=state,
            copy=False,
            classification=verdict,
            received_at=received_at,
            raw=f"From: {ANNA}, mail {uid}".encode(),
        )
        remember(tx, Cursor(mailbox_id=mailbox, uidvalidity=1, last_uid=0, swept=False), [mail], now=NOW)
    return f"mail:{mailbox}/1/{uid}"


def texts(here):
    return [uid for (uid,) in rows(here, "select uid from inbound_messages where raw is not null order by uid")]


def test_the_text_of_a_mail_goes_as_the_policy_says_and_not_before_somebody_dealt_with_it(installation):
    store_mail(installation, 1, Label.UNSUBSCRIBE)
    store_mail(installation, 2, Label.OTHER)
    store_mail(installation, 3, Label.UNSURE, State.REVIEW)

    retain(installation, NOW + timedelta(days=365))
    assert texts(installation) == [1, 2, 3]
    assert counts(retain(installation, NOW + timedelta(days=367))) == {Kept.OPT_OUT_MAIL: 1}
    assert texts(installation) == [2, 3]
    assert counts(retain(installation, NOW + timedelta(days=733))) == {Kept.ENQUIRY_MAIL: 1}
    assert texts(installation) == [3]


@pytest.mark.parametrize("label", [Label.COMPLAINT, Label.BOUNCE_HARD, Label.BOUNCE_SOFT, Label.BOUNCE_UNKNOWN])
def test_the_text_of_a_report_goes_with_what_supports_the_event_that_it_made(installation, label):
    store_mail(installation, 1, label)

    assert counts(retain(installation, NOW + timedelta(days=365))) == {}
    assert counts(retain(installation, NOW + timedelta(days=367))) == {Kept.OPT_OUT_MAIL: 1}


def test_a_hold_keeps_the_mail_that_the_events_came_from(installation):
    source = store_mail(installation, 1, Label.UNSUBSCRIBE)
    store_mail(installation, 2, Label.UNSUBSCRIBE)
    write(installation, ANNA, [replace(event, source=source) for event in history("W*")])
    with installation.store.begin() as tx:
        named = {"reason": HoldReason.AUTHORITY, "review_by": date(2026, 6, 1), "now": NOW}
        place_hold(tx, installation.rules.policy, claim=source, **named)

    run = retain(installation, NOW + timedelta(days=400))

    assert texts(installation) == [1]
    assert run.tallies[Kept.OPT_OUT_MAIL].held == 1


@contextlib.contextmanager
def house_on_sqlite():
    with TemporaryDirectory() as folder, build(Path(folder), f"sqlite:///{folder}/mailconsent.db").opened() as here:
        yield here, folder


EXAMPLES = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@EXAMPLES
@given(st.lists(histories_with_sales, min_size=1, max_size=4), st.sampled_from((LATER, LATE)), histories_with_sales)
def test_through_the_database_every_later_decision_is_the_same_and_nothing_outlives_its_term(told, now, later):
    with house_on_sqlite() as (here, folder):
        terms = terms_of(here.rules.policy)
        today = terms.day(now)
        people = {f"anna-{number}x@example.com": events for number, events in enumerate(told) if events}
        for address, events in people.items():
            write(here, address, events)

        retain(here, now)
        assert tidy(here.store)

        assert unfolded(here) == []
        held, disk = everything(here), on_disk(folder)
        for address, events in people.items():
            with here.store.begin() as tx:
                known = lock_known(tx, address)
                left = read_events(tx, known.id) if known else []
            for topic in (*TOPICS, 9):
                assert decided([*events, *_after(events, later)], topic) == decided(
                    [*left, *_after(events, later)], topic
                )
            for event in events:
                due = event_due(event, events, terms)
                over = due is not None and due <= today
                assert (proof(address, event.seq) in held) is not over
                assert (proof(address, event.seq).encode() in disk) is not over
            due = address_due(events, terms)
            over = due is not None and due <= today
            assert (address in held) is (address.encode() in disk) is not over


def _after(events, later):
    """What comes later, numbered as after all of these; it ends only what is itself of later."""
    return joined(events, later)[len(events) :]


def test_a_request_is_answered_by_no_later_event_of_the_same_number(installation):
    """A number is never given twice, so that what ended an event can never end another."""
    write(installation, ANNA, "C1 P1 W*")
    retain(installation)
    write(installation, ANNA, "B1")

    assert remaining(installation, ANNA) == [3, 4]


def test_certificates_name_nobody(installation):
    write(installation, ANNA, "B1 W1")
    [(recipient_id,)] = rows(installation, "select id from recipients")
    retain(installation)

    told = str(rows(installation, "select * from certificates"))
    assert str(recipient_id) not in told
    assert "anna" not in told
