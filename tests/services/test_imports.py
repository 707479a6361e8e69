"""Imports bring nobody back, go on after a kill, and can be taken back whole; on both databases."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mailconsent.bloom import Seen
from mailconsent.errors import Refused, UnderWay
from mailconsent.facts import NOES
from mailconsent.import_rows import Wanted, read_named
from mailconsent.model import ALL_TOPICS, Channel, EventKind, Evidence, ImportKind, Reason
from mailconsent.notice import Notice
from mailconsent.services import imports
from mailconsent.services.dry_run import compare
from mailconsent.services.recipients import withdraw
from mailconsent.services.senders import record_consent
from mailconsent.services.sends import record_sends
from mailconsent.store.ledger import append
from mailconsent.store.notices import keep_notice
from mailconsent.store.recipients import lock_address
from tests.cast import ANNA, BO, CECILIA
from tests.histories import history, notations
from tests.houses import ask, consent, events, receipt, unfolded

PROOF = {
    "importer": "Kim",
    "source_system": "old",
    "attested_by": "Kim",
    "original_route": "phone",
    "action": "said yes",
    "recording": "r1",
    "collector": "Lis",
    "transcribed_by": "Lis",
    "transcribed_at": "x",
    "withdrawal_told": "yes",
}
CONSENTS = Wanted(kind=ImportKind.CONSENTS, topic="blog", evidence={"wording": "Send me the blog"}, partial=True)
OUT, SALES = Wanted(kind=ImportKind.OPT_OUTS), Wanted(kind=ImportKind.SALES)
SALE = {"order": "SO-1", "sold_on": "2026-01-02", "state": "paid", "entity": "main", "obtained": "checkout"}
NOW = datetime.now(UTC)


def parsed(here, wanted, rows):
    values = [row if isinstance(row, dict) else {"address": row} for row in rows]
    return [read_named(wanted, here.rules.policy, row, place) for place, row in enumerate(values, 1)]


def dry(here, wanted, *rows):
    with here.store.read() as tx:
        return compare(tx, here.rules.policy, parsed(here, wanted, rows), Seen(), now=NOW)[0]


def real(here, wanted, *rows, file=None, chunk=100):
    """Import these rows, so many in a transaction."""
    all_rows = parsed(here, wanted, rows)
    with here.store.begin() as tx:
        batch = imports.open_batch(tx, wanted, file or uuid4().bytes, now=NOW)
    chunks = (all_rows[start : start + chunk] for start in range(batch.line, len(all_rows), chunk))
    for moved, _ in imports.apply_all(here.store, batch, chunks, clock=lambda: datetime.now(UTC)):
        batch = moved
    return batch


def revert(here, batch, reason=None):
    *_, (_, released, kept) = imports.revert(here.store, batch.id, reason)
    return released, kept


def grade_b(here):
    """Rows that prove a consent need the notice that was shown, which is stored with a first one."""
    notice = Notice(key="blog", version="1", language="en", text="Send me the blog")
    with here.store.begin() as tx:
        keep_notice(tx, notice, now=NOW)
    day = datetime.now(UTC).date().replace(day=1).isoformat()
    return {**PROOF, "notice_sha256": notice.sha256, "occurred_at": f"{day}T00:00:00+00:00"}


def reasons(here, *addresses, topic="blog"):
    return [decision.reason for decision in ask(here, *addresses, topic=topic)]


def test_a_dry_run_says_what_an_import_then_does_and_writes_nothing(installation):
    proof = grade_b(installation)
    with installation.store.begin() as tx:
        withdraw(tx, BO, receipt())
    people = [{"address": address, **proof} for address in (ANNA, BO, CECILIA, ANNA)]
    people.append({"address": "dora@example.com", "wording": "Yes"})
    wanted = Wanted(kind=ImportKind.CONSENTS, topic="blog")

    shown = dry(installation, wanted, *people)
    before = events(installation)
    batch = real(installation, wanted, *people)

    assert (shown.rows, shown.new, shown.repeated, shown.bad) == (5, 2, 1, 1)
    assert shown.denied == {Reason.WITHDRAWN: 1}
    assert (shown.gained, shown.lost) == ({"blog": 2}, {})
    assert sum(map(len, before.values())) == 1
    done = batch.counts
    assert (done.rows, done.new, done.repeated, done.bad, done.denied) == (5, 2, 1, 1, shown.denied)
    assert reasons(installation, ANNA, BO, CECILIA) == [Reason.CONSENT, Reason.WITHDRAWN, Reason.CONSENT]
    assert unfolded(installation) == []


def test_opt_outs_end_everything_and_a_dry_run_counts_whom(installation):
    consent(installation, ANNA, BO)

    shown = dry(installation, OUT, ANNA, ANNA, CECILIA)
    real(installation, OUT, ANNA, ANNA, CECILIA)

    assert (shown.new, shown.repeated, shown.lost) == (2, 1, {"blog": 1})
    assert reasons(installation, ANNA, BO, CECILIA) == [Reason.WITHDRAWN, Reason.CONSENT, Reason.WITHDRAWN]
    assert {e.channel for told in events(installation).values() for e in told} == {Channel.API, Channel.IMPORT}


def test_every_event_says_from_which_line_it_came(installation):
    batch = real(installation, OUT, ANNA, BO)

    found = {event.source for told in events(installation).values() for event in told}
    assert found == {f"import:{batch.id}/1", f"import:{batch.id}/2"}


def test_an_import_that_was_killed_goes_on_and_adds_nothing_twice(installation):
    people = [f"person-{number}@example.com" for number in range(10)]
    file = b"f" * 32
    rows = parsed(installation, CONSENTS, people)
    with installation.store.begin() as tx:
        batch = imports.open_batch(tx, CONSENTS, file, now=NOW)
    steps = imports.apply_all(installation.store, batch, iter([rows[:4], rows[4:]]), clock=lambda: datetime.now(UTC))
    next(steps)
    steps.close()

    again = real(installation, CONSENTS, *people, file=file, chunk=4)

    assert again.id == batch.id
    assert again.finished_at
    assert again.counts.new == 10
    assert [len(told) for told in events(installation).values()] == [1] * 10


def test_a_row_that_could_not_be_used_then_and_could_be_now_is_not_passed_over_in_silence(installation):
    batch = real(installation, OUT, ANNA, {"address": BO, "topic": "not-yet"})

    imports.require_nobody_lost(batch, 1)
    with pytest.raises(Refused, match="1 rows could not be used"):
        imports.require_nobody_lost(batch, 0)


def test_two_processes_at_one_file_do_not_both_do_it(installation):
    rows = parsed(installation, OUT, [ANNA, BO])
    with installation.store.begin() as tx:
        batch = imports.open_batch(tx, OUT, b"f" * 32, now=NOW)
    with installation.store.begin() as tx:
        imports.apply_rows(tx, batch, rows[:1], now=NOW)

    with pytest.raises(UnderWay), installation.store.begin() as tx:
        imports.apply_rows(tx, batch, rows[:1], now=NOW)

    assert sum(map(len, events(installation).values())) == 1


def test_a_reverted_import_of_consents_leaves_what_was_there_before(installation):
    proof = grade_b(installation)
    consent(installation, BO)
    wanted = Wanted(kind=ImportKind.CONSENTS, topic="blog")
    batch = real(installation, wanted, *({"address": address, **proof} for address in (ANNA, BO)))

    first, second = revert(installation, batch), revert(installation, batch)

    assert (first, second) == ((2, 0), (0, 0))
    assert reasons(installation, ANNA, BO) == [Reason.NO_LEGAL_BASIS, Reason.CONSENT]
    assert unfolded(installation) == []


def test_after_a_revert_the_same_file_is_a_new_batch(installation):
    batch = real(installation, CONSENTS, ANNA, file=b"f" * 32)
    revert(installation, batch)

    assert real(installation, CONSENTS, ANNA, file=b"f" * 32).id != batch.id


def test_a_revert_that_was_killed_goes_on(installation, monkeypatch):
    monkeypatch.setattr(imports, "CHUNK", 1)
    batch = real(installation, CONSENTS, ANNA, BO, CECILIA)
    steps = imports.revert(installation.store, batch.id)
    next(steps)
    steps.close()
    with pytest.raises(UnderWay), installation.store.begin() as tx:
        imports.apply_rows(tx, batch, parsed(installation, CONSENTS, [ANNA]), now=NOW)

    assert revert(installation, batch) == (2, 0)
    released = [e for told in events(installation).values() for e in told if e.kind is EventKind.RELEASED]
    assert len(released) == 3


def test_opt_outs_are_released_only_by_an_operator_who_says_why_and_newer_noes_stay(installation):
    consent(installation, ANNA, BO)
    batch = real(installation, OUT, ANNA, BO)
    with installation.store.begin() as tx:
        withdraw(tx, BO, receipt(Channel.ONE_CLICK), topic=ALL_TOPICS)

    with pytest.raises(Refused, match="reason"):
        revert(installation, batch)
    released = revert(installation, batch, "the wrong list")

    assert released == (2, 0)
    assert reasons(installation, ANNA, BO) == [Reason.CONSENT, Reason.WITHDRAWN]


def test_sales_of_a_reverted_import_were_never_told_and_refusals_in_it_stay(installation):
    batch = real(installation, SALES, {"address": ANNA, **SALE}, {"address": BO, **SALE, "opted_out": "yes"})

    assert revert(installation, batch) == (2, 1)
    assert reasons(installation, ANNA, BO, topic="alerts") == [Reason.NO_LEGAL_BASIS, Reason.REFUSED]
    assert unfolded(installation) == []


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_opt_outs_are_not_released_for_no_reason(installation, reason):
    batch = real(installation, OUT, ANNA)

    with pytest.raises(Refused, match="reason"):
        revert(installation, batch, reason)

    assert reasons(installation, ANNA) == [Reason.WITHDRAWN]


def test_a_dry_run_knows_what_mail_keeps_a_consent_alive(installation):
    """In Denmark an unused consent lapses after twelve months."""
    policy, topic = installation.rules.policy, installation.rules.policy.topic("blog")
    long_ago = NOW - timedelta(days=500)
    with installation.store.begin() as tx:
        given = replace(receipt(), received_at=long_ago, evidence=Evidence(details={"wording": "Yes"}))
        record_consent(tx, topic, ANNA, given, country="DK")
        record_sends(tx, policy, topic, "s1", [ANNA], sent_at=long_ago + timedelta(days=300), now=NOW)

    assert reasons(installation, ANNA) == [Reason.CONSENT]
    assert +dry(installation, SALES, {"address": ANNA, **SALE}).lost == {}
    assert dry(installation, OUT, ANNA).lost == {"blog": 1}


def test_an_unknown_batch_is_refused(installation):
    with pytest.raises(Refused, match="no such batch"):
        list(imports.revert(installation.store, "nobody"))


def test_an_imported_sale_does_not_make_an_old_address_work(installation):
    with installation.store.begin() as tx:
        append(tx, lock_address(tx, ANNA), history("F")[0], Evidence())

    real(installation, SALES, {"address": ANNA, **SALE})

    assert reasons(installation, ANNA, topic="orders") == [Reason.PERMANENT_FAILURE]


OPT_OUTS = frozenset(Reason(kind.value) for kind in NOES)
KINDS = ("consents", "sales", "sales with a refusal", "opt-outs")


def imported(here, kind):
    """A row of this kind, as good as it can be, and what is said of it."""
    if kind == "consents":
        return Wanted(kind=ImportKind.CONSENTS, topic="blog"), grade_b(here)
    if kind == "opt-outs":
        return OUT, {}
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    sold = next(iter(here.rules.policy.similar.categories))
    offer = {"categories": sold, "notice": "sale-1", "offered_at": yesterday, "country": "DK", "sold_on": yesterday}
    refusal = {"opted_out": "yes"} if kind == "sales with a refusal" else {}
    return SALES, {**SALE, **offer, **refusal}


@pytest.mark.parametrize(("kind", "topic"), [("consents", "blog"), ("sales", "alerts")])
def test_an_import_lets_mail_go_to_who_said_nothing_against_it(installation, kind, topic):
    wanted, row = imported(installation, kind)

    real(installation, wanted, {"address": ANNA, **row})

    assert ask(installation, ANNA, topic=topic)[0].allowed


@given(before=notations(max_size=8, sales=True), later=notations(max_size=3, sales=True), kind=st.sampled_from(KINDS))
@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_import_brings_anybody_back_and_no_reverted_one_anybody_at_all(installation, before, later, kind):
    """Anna has the import, her twin has not: apart from that the same happens to both."""
    anna, twin = (f"{uuid4().hex}@example.com" for _ in range(2))
    wanted, row = imported(installation, kind)
    tell(installation, before, anna, twin)
    at_first = decisions(installation, anna)

    shown = dry(installation, wanted, {"address": anna, **row})
    batch = real(installation, wanted, {"address": anna, **row})

    then = decisions(installation, anna)
    assert not [topic for topic in then if then[topic].allowed and at_first[topic].reason in OPT_OUTS]
    marketing = [topic for topic in then if topic != "orders"]
    assert +shown.gained == Counter(t for t in marketing if then[t].allowed and not at_first[t].allowed)
    assert +shown.lost == Counter(t for t in marketing if at_first[t].allowed and not then[t].allowed)
    assert (shown.new, shown.repeated, shown.denied) == (batch.counts.new, batch.counts.repeated, batch.counts.denied)
    tell(installation, later, anna, twin)
    revert(installation, batch, "a mistake")
    without = decisions(installation, twin)
    for topic, decision in decisions(installation, anna).items():
        assert without[topic].allowed or not decision.allowed, topic
    assert unfolded(installation) == []


def tell(here, notation, *addresses):
    with here.store.begin() as tx:
        for address in addresses:
            start = lock_address(tx, address).last_seq
            for event in history(notation):
                ends = event.ends and event.ends + start
                recipient = lock_address(tx, address)
                # The import stands between the two halves: a release names an event of its own half.
                append(tx, recipient, replace(event, ends=ends), Evidence())


def decisions(here, address):
    return {topic.key: ask(here, address, topic=topic.key)[0] for topic in here.rules.policy.topics}
