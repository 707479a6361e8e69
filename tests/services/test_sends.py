"""What was really sent, on both databases: recorded once, judged as of its moment, and what it keeps alive."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailconsent.errors import Refused
from mailconsent.model import EventKind, Evidence, Grade, LegalBasis, Reason
from mailconsent.policy.mailing import mailing_of
from mailconsent.services.lapsing import lapsing
from mailconsent.services.operators import suppress_domain
from mailconsent.services.senders import check, record_consent, record_withdrawal
from mailconsent.services.sends import record_permitted, record_sends
from mailconsent.store.ledger import append
from mailconsent.store.rebuilding import added_up, rebuild_batch
from mailconsent.store.recipients import lock_address
from mailconsent.store.sends import read_sends
from mailconsent.store.standings import read_all
from tests.cast import ANNA, BO, CECILIA, NOW, receipt
from tests.histories import SALE, history

DAY = timedelta(days=1)


@pytest.fixture
def blog(rules):
    return rules.policy.topic("blog")


@pytest.fixture
def alerts(rules):
    return rules.policy.topic("alerts")


def consent(store, topic, address):
    with store.begin() as tx:
        return record_consent(tx, topic, address, receipt(), country="DK")


def leave(store, topic, address, minutes):
    with store.begin() as tx:
        record_withdrawal(tx, topic, address, receipt(minutes=minutes))


def send(store, rules, topic, *addresses, send_id="week-10", at=NOW, now=None):
    with store.begin() as tx:
        return record_sends(
            tx, rules.policy, topic, send_id, list(addresses), sent_at=at, now=now or max(at, NOW + 999 * DAY)
        )


def decision(store, rules, topic, address, now):
    with store.read() as tx:
        return check(tx, mailing_of(rules.policy, topic, now=now), [address])[0]


def sends_of(store, address):
    with store.begin() as tx:
        return read_sends(tx, lock_address(tx, address).id)


def in_step(store):
    with store.begin() as tx:
        rebuilt = rebuild_batch(tx, after=None)
    return rebuilt is None or rebuilt.mended == 0


def test_a_send_says_on_what_ground_and_by_which_event(store, rules, blog):
    event_id = consent(store, blog, ANNA)

    done = send(store, rules, blog, ANNA, at=NOW + DAY)

    assert (done.recorded, done.without_ground) == (1, [])
    (sent,) = sends_of(store, ANNA)
    assert (sent.send_id, sent.topic, sent.day) == ("week-10", blog.number, (NOW + DAY).date())
    assert (sent.reason, sent.basis, sent.event_id) == (Reason.CONSENT, LegalBasis.CONSENT, event_id)


def test_a_repeat_changes_nothing(store, rules, blog):
    consent(store, blog, ANNA)
    send(store, rules, blog, ANNA)

    again = send(store, rules, blog, ANNA, ANNA.upper(), at=NOW + 5 * DAY)

    assert (again.recorded, again.without_ground) == (0, [])
    assert [sent.day for sent in sends_of(store, ANNA)] == [NOW.date()]
    assert in_step(store)


def test_of_who_is_named_twice_in_a_batch_one_send_is_recorded(store, rules, blog):
    consent(store, blog, ANNA)

    assert send(store, rules, blog, ANNA, f" {ANNA} ").recorded == 1


def test_mail_without_a_ground_is_told_and_recorded_as_such(store, rules, blog):
    consent(store, blog, ANNA)
    leave(store, blog, BO, 0)

    done = send(store, rules, blog, BO, ANNA, CECILIA, "no address", at=NOW + DAY)

    assert done.recorded == 2
    assert done.without_ground == [
        (0, Reason.WITHDRAWN),
        (2, Reason.NO_LEGAL_BASIS),
        (3, Reason.INVALID_ADDRESS),
    ]
    (sent,) = sends_of(store, BO)
    assert (sent.reason, sent.basis) == (Reason.WITHDRAWN, None)
    assert sends_of(store, CECILIA) == []


def test_a_send_is_judged_as_of_its_own_moment(store, rules, blog):
    consent(store, blog, ANNA)
    leave(store, blog, ANNA, 60)

    before = send(store, rules, blog, ANNA, at=NOW + timedelta(minutes=59))
    after = send(store, rules, blog, ANNA, send_id="later", at=NOW + timedelta(minutes=60))
    too_early = send(store, rules, blog, ANNA, send_id="earlier", at=NOW - DAY)

    assert before.without_ground == []
    assert after.without_ground == [(0, Reason.WITHDRAWN)]
    assert too_early.without_ground == [(0, Reason.NO_LEGAL_BASIS)], "the consent came after the mail"


def test_mail_into_a_suppressed_domain_had_no_ground_from_then_on(store, rules, blog):
    for address in (ANNA, BO):
        consent(store, blog, address)
    with store.begin() as tx:
        suppress_domain(tx, ANNA.rpartition("@")[2], receipt(minutes=60), shared=True)

    before = send(store, rules, blog, ANNA, BO, send_id="before", at=NOW + timedelta(minutes=30))
    after = send(store, rules, blog, ANNA, send_id="after", at=NOW + DAY)

    assert before.without_ground == []
    assert after.without_ground == [(0, Reason.SUPPRESSED)]
    _, sent = sends_of(store, ANNA)
    assert (sent.send_id, sent.reason, sent.basis, sent.event_id) == ("after", Reason.SUPPRESSED, None, None)


def test_mail_keeps_the_consent_alive_on_which_it_rested(store, rules, blog):
    consent(store, blog, ANNA)
    consent(store, blog, BO)
    send(store, rules, blog, ANNA, at=NOW + 300 * DAY)

    a_year_later = NOW + 367 * DAY
    assert decision(store, rules, blog, ANNA, a_year_later).reason is Reason.CONSENT
    assert decision(store, rules, blog, BO, a_year_later).reason is Reason.CONSENT_LAPSED
    assert in_step(store)


def test_mail_that_should_not_have_been_sent_keeps_nothing_alive(store, rules, blog):
    consent(store, blog, ANNA)

    late = send(store, rules, blog, ANNA, at=NOW + 400 * DAY)

    assert late.without_ground == [(0, Reason.CONSENT_LAPSED)]
    assert decision(store, rules, blog, ANNA, NOW + 401 * DAY).reason is Reason.CONSENT_LAPSED


def test_mail_about_one_topic_keeps_no_other_alive(store, rules, blog):
    industry = rules.policy.topic("industry")
    consent(store, blog, ANNA)
    consent(store, industry, ANNA)
    send(store, rules, blog, ANNA, at=NOW + 300 * DAY)

    assert decision(store, rules, industry, ANNA, NOW + 367 * DAY).reason is Reason.CONSENT_LAPSED


def test_an_older_send_told_late_does_not_shorten_what_a_newer_one_keeps(store, rules, blog):
    consent(store, blog, ANNA)
    send(store, rules, blog, ANNA, send_id="new", at=NOW + 300 * DAY)
    send(store, rules, blog, ANNA, send_id="old", at=NOW + 10 * DAY)

    assert decision(store, rules, blog, ANNA, NOW + 600 * DAY).reason is Reason.CONSENT
    assert in_step(store)


def test_what_happens_later_to_a_recipient_leaves_the_use_as_it_is(store, rules, blog):
    consent(store, blog, ANNA)
    send(store, rules, blog, ANNA, at=NOW + 300 * DAY)
    consent(store, rules.policy.topic("industry"), ANNA)

    assert in_step(store)
    assert decision(store, rules, blog, ANNA, NOW + 367 * DAY).reason is Reason.CONSENT


def sold(store, address, **facts):
    [sale] = history("$", [SALE | {"entity": "main", "categories": "mri", "country": "IE"} | facts])
    with store.begin() as tx:
        return append(tx, lock_address(tx, address), sale, Evidence())


def test_mail_opens_the_window_of_soft_opt_in_anew(store, rules, alerts):
    sold(store, ANNA, sold_on="2025-06-01", offered_at="2025-06-01T10:00:00+00:00")
    sold(store, BO, sold_on="2025-06-01", offered_at="2025-06-01T10:00:00+00:00")
    assert decision(store, rules, alerts, ANNA, NOW).reason is Reason.SOFT_OPT_IN

    send(store, rules, alerts, ANNA, at=NOW)

    ten_months_later = NOW + 300 * DAY
    assert decision(store, rules, alerts, ANNA, ten_months_later).reason is Reason.SOFT_OPT_IN
    assert decision(store, rules, alerts, BO, ten_months_later).reason is Reason.SALE_TOO_OLD
    assert in_step(store)


def test_a_check_may_record_what_it_allows(store, rules, blog):
    consent(store, blog, ANNA)
    with store.begin() as tx:
        decisions = check(tx, mailing_of(rules.policy, blog, now=NOW), [ANNA, BO])
        assert record_permitted(tx, rules.policy, blog, "week-10", decisions, now=NOW) == 1

    assert [sent.send_id for sent in sends_of(store, ANNA)] == ["week-10"]
    assert send(store, rules, blog, ANNA).recorded == 0, "told again afterwards"


def test_a_time_that_has_not_come_is_refused(store, rules, blog):
    with pytest.raises(Refused, match="future"):
        send(store, rules, blog, ANNA, at=NOW + DAY, now=NOW)


def test_transactional_mail_is_not_recorded(store, rules):
    with pytest.raises(Refused, match="transactional"):
        send(store, rules, rules.policy.topic("orders"), ANNA)


def test_a_rebuild_mends_a_use_that_is_not_what_was_sent(store, rules, blog):
    consent(store, blog, ANNA)
    send(store, rules, blog, ANNA, at=NOW + 300 * DAY)
    with store.begin() as tx:
        anna = lock_address(tx, ANNA)
        tx.connection.exec_driver_sql("update standings set used_on = 999999")
        rebuilt = rebuild_batch(tx, after=None)
        assert rebuilt.mended == 1
        assert read_all(tx, anna.digest) == added_up(tx, anna.id)[0]


def test_a_new_owner_of_the_mailbox_inherits_no_use(store, rules, blog):
    consent(store, blog, ANNA)
    send(store, rules, blog, ANNA, at=NOW)
    with store.begin() as tx:
        append(tx, lock_address(tx, ANNA), receipt(minutes=5).event(EventKind.OWNER_CHANGED, 0), Evidence())

    assert decision(store, rules, blog, ANNA, NOW + DAY).reason is Reason.NO_LEGAL_BASIS


def test_the_operator_is_warned_three_months_before_a_consent_lapses_and_one(store, rules, blog):
    for address in (ANNA, BO, CECILIA):
        consent(store, blog, address)
    send(store, rules, blog, CECILIA, at=NOW + 200 * DAY)

    def warned(days):
        with store.read() as tx:
            found = lapsing(tx, rules.policy, (NOW + days * DAY).date())
        return [(one.topic, one.within_months, one.count) for one in found]

    assert warned(270) == []
    assert warned(280) == [("blog", 3, 2)]
    assert warned(340) == [("blog", 3, 2), ("blog", 1, 2)]
    assert warned(400) == [], "lapsed"
    assert warned(550) == [("blog", 3, 1), ("blog", 1, 1)]


def test_where_consents_must_be_confirmed_a_recorded_one_puts_no_warning_off(store, rules):
    confirmed, recorded = history("A1 B1")
    with store.begin() as tx:
        for event, days in ((confirmed, 0), (recorded, 200)):
            at = NOW + days * DAY
            append(tx, lock_address(tx, ANNA), replace(event, occurred_at=at, received_at=at), Evidence())

    def warned(minimum):
        with store.read() as tx:
            return lapsing(tx, replace(rules.policy, minimum_grade=minimum), (NOW + 280 * DAY).date())

    assert [(one.within_months, one.count) for one in warned(Grade.A)] == [(3, 1)]
    assert warned(Grade.B) == []
