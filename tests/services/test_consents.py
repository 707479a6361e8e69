"""Consents in two steps at our own doors, and records told from outside with their proof; on both databases."""

import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from mailconsent.errors import InvalidAddress, InvalidToken, MailconsentError, Refused, TokenExpired
from mailconsent.facts import fold
from mailconsent.model import ALL_TOPICS, Channel, EventKind, Evidence, Grade, LegalBasis, Reason
from mailconsent.notice import Notice
from mailconsent.policy.mailing import mailing_of
from mailconsent.proof import REQUIRED, Route
from mailconsent.services.consents import confirm_consent, request_consent
from mailconsent.services.senders import check, record_consent, record_withdrawal
from mailconsent.store.ledger import append, read_events
from mailconsent.store.notices import read_notice
from mailconsent.store.recipients import lock_address
from mailconsent.store.tables import evidence, notices, recipients
from tests.cast import ANNA, BO, CECILIA, NOW, receipt

NOTICE = Notice(key="blog", version="3", language="en", text="Yes, send me the blog. I can withdraw at any time.")
FORM = {
    "form": "footer-2",
    "form_version": "7",
    "checkbox": "newsletter",
    "default_state": "unchecked",
    "bundled": "no",
    "withdrawal_told": "yes",
    "action": "ticked",
    "page_url": "https://example.com/news",
}
HOURS_72 = 72 * 60


@pytest.fixture
def blog(rules):
    return rules.policy.topic("blog")


@pytest.fixture
def alerts(rules):
    return rules.policy.topic("alerts")


def ask(store, topic, address, *, minutes=0, notice=NOTICE, form=FORM, **more):
    with store.begin() as tx:
        how = receipt(Channel.PAGE, minutes=minutes, **form)
        return request_consent(tx, topic, address, how, notice=notice, **more)


def confirm(store, token, *, minutes=1, channel=Channel.PAGE, method="POST"):
    how = receipt(channel, minutes=minutes, confirm_method=method, ip="192.0.2.0")
    claim = store.keyring.read_confirm(token, now=how.received_at)
    with store.begin() as tx:
        return confirm_consent(tx, claim, how)


def tell(store, topic, address, *, evidence=FORM, timed=True, **more):
    how = replace(receipt(**evidence), occurred_at=NOW if timed else None)
    with store.begin() as tx:
        return record_consent(tx, topic, address, how, **more)


def leave(store, topic, address, *, minutes=0):
    with store.begin() as tx:
        return record_withdrawal(tx, topic, address, receipt(minutes=minutes)).event_id


def decision(store, rules, topic, address):
    with store.read() as tx:
        return check(tx, mailing_of(rules.policy, topic, now=NOW), [address])[0]


def events_of(store, address):
    with store.begin() as tx:
        return read_events(tx, lock_address(tx, address).id)


def test_a_request_allows_nothing(store, rules, blog):
    asked = ask(store, blog, ANNA)

    assert decision(store, rules, blog, ANNA).reason is Reason.NO_LEGAL_BASIS
    [event] = events_of(store, ANNA)
    assert (event.kind, event.grade, event.seq) == (EventKind.CONSENT_REQUESTED, None, asked.event_id.seq)


def test_a_confirmation_is_a_consent_of_grade_a_that_names_its_request(store, rules, blog):
    asked = ask(store, blog, ANNA, country="DK")

    outcome = confirm(store, asked.token)

    requested, given = events_of(store, ANNA)
    assert decision(store, rules, blog, ANNA) == (True, Reason.CONSENT, LegalBasis.CONSENT, outcome.event_id)
    assert (given.grade, given.ends, given.channel) == (Grade.A, asked.event_id.seq, Channel.PAGE)
    assert given.facts == requested.facts
    assert given.facts == {
        "route": "double_opt_in",
        "notice": NOTICE.sha256,
        "form": "footer-2",
        "country": "DK",
    }


def test_both_sides_leave_their_evidence(store, blog):
    confirm(store, ask(store, blog, ANNA).token)

    with store.read() as tx:
        rows = tx.connection.execute(evidence.select().order_by(evidence.c.seq)).all()
    assert [json.loads(row.details) for row in rows] == [FORM, {"confirm_method": "POST", "ip": "192.0.2.0"}]


def test_the_language_is_taken_over_only_when_the_person_confirms(store, blog):
    tell(store, blog, ANNA, language="da")

    asked = ask(store, blog, ANNA, language="de")

    def language():
        with store.read() as tx:
            return tx.connection.execute(recipients.select()).one().language

    before = language()
    confirm(store, asked.token)
    assert (before, language()) == ("da", "de")


@pytest.mark.parametrize("scope", ["topic", "all"])
def test_a_confirmation_lifts_an_older_no_for_that_topic_alone(store, rules, blog, alerts, scope):
    for topic in (blog, alerts):
        leave(store, topic, ANNA)
    if scope == "all":
        leave(store, None, ANNA)

    confirm(store, ask(store, blog, ANNA).token)

    assert decision(store, rules, blog, ANNA).allowed
    assert decision(store, rules, alerts, ANNA).reason is Reason.WITHDRAWN


def test_a_request_alone_lifts_no_withdrawal(store, rules, blog):
    withdrawn = leave(store, blog, ANNA)

    ask(store, blog, ANNA)

    assert decision(store, rules, blog, ANNA).event_id == withdrawn


def test_a_link_brings_nobody_back_who_left_after_confirming(store, rules, blog):
    asked = ask(store, blog, ANNA)
    first = confirm(store, asked.token)
    withdrawn = leave(store, blog, ANNA, minutes=2)

    again = confirm(store, asked.token, minutes=3)

    assert (again.event_id, again.repeated) == (first.event_id, True)
    assert decision(store, rules, blog, ANNA).event_id == withdrawn


def test_a_link_works_for_72_hours(store, blog):
    asked, late = ask(store, blog, ANNA), ask(store, blog, BO)

    assert not confirm(store, asked.token, minutes=HOURS_72 - 1).repeated
    with pytest.raises(TokenExpired):
        confirm(store, late.token, minutes=HOURS_72)
    claim = store.keyring.read_confirm(late.token, now=NOW)
    with pytest.raises(TokenExpired), store.begin() as tx:
        confirm_consent(tx, claim, receipt(Channel.PAGE, minutes=HOURS_72, confirm_method="POST"))


@pytest.mark.parametrize(
    ("channel", "method", "why"),
    [
        (Channel.PAGE, "GET", "a scanner follows links"),
        (Channel.PAGE, "HEAD", "and asks for heads"),
        (Channel.API, "POST", "told from outside"),
        (Channel.OPERATOR, "POST", "an operator is not the person"),
        (Channel.INBOX, "POST", "mail can be forged"),
    ],
)
def test_nothing_but_a_post_to_our_own_page_confirms(store, rules, blog, channel, method, why):
    asked = ask(store, blog, ANNA)

    with pytest.raises(Refused, match="our own page"):
        confirm(store, asked.token, channel=channel, method=method)

    assert not decision(store, rules, blog, ANNA).allowed, why


def test_an_unsubscribe_link_confirms_nothing(store, blog):
    asked = ask(store, blog, ANNA)

    with pytest.raises(InvalidToken):
        store.keyring.read_token(asked.token)


def test_a_request_older_than_30_days_is_nothing_any_more(store, blog):
    asked = ask(store, blog, ANNA)
    claim = replace(store.keyring.read_confirm(asked.token, now=NOW), expires_at=NOW + timedelta(days=99))

    with pytest.raises(Refused, match="no longer there"), store.begin() as tx:
        confirm_consent(tx, claim, receipt(Channel.PAGE, minutes=30 * 24 * 60, confirm_method="POST"))


def test_a_request_of_the_mailboxs_last_owner_is_nothing_any_more(store, blog):
    asked = ask(store, blog, ANNA)
    with store.begin() as tx:
        changed = receipt(Channel.INBOX).event(EventKind.OWNER_CHANGED, ALL_TOPICS)
        append(tx, lock_address(tx, ANNA), changed, Evidence())

    with pytest.raises(Refused, match="no longer there"):
        confirm(store, asked.token)


@pytest.mark.parametrize("change", [{"request": 2}, {"topic": 2}, {"request": 9}])
def test_a_claim_that_names_no_such_request_is_refused(store, blog, change):
    asked = ask(store, blog, ANNA)
    leave(store, blog, ANNA)
    claim = replace(store.keyring.read_confirm(asked.token, now=NOW), **change)

    with pytest.raises(Refused, match="no longer there"), store.begin() as tx:
        confirm_consent(tx, claim, receipt(Channel.PAGE, confirm_method="POST"))


def test_one_request_is_one_mail_however_often_it_is_made(store, blog, alerts):
    first = ask(store, blog, ANNA)
    again = ask(store, blog, ANNA.upper(), minutes=5)

    assert (again.event_id, again.token) == (first.event_id, None)
    assert ask(store, alerts, ANNA, notice=replace(NOTICE, key="alerts")).token, "another topic"
    assert ask(store, blog, ANNA, minutes=6, notice=replace(NOTICE, version="4")).token, "another notice"
    assert ask(store, blog, ANNA, minutes=HOURS_72).token, "the first link works no more"


def test_after_a_confirmation_a_new_request_is_a_new_one(store, blog):
    first = ask(store, blog, ANNA)
    confirm(store, first.token)

    assert ask(store, blog, ANNA, minutes=2).event_id.seq == 3


def test_one_link_confirms_once_though_it_is_pressed_by_many_at_once(store, blog):
    asked = ask(store, blog, ANNA)
    gate, outcomes = threading.Barrier(4), []

    def press():
        gate.wait()
        outcomes.append(confirm(store, asked.token))

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcome.repeated for outcome in outcomes) == [False, True, True, True]
    assert len({outcome.event_id for outcome in outcomes}) == 1


def test_what_a_form_must_bring_is_missed_by_its_name(store, blog):
    for name in ("withdrawal_told", *REQUIRED[Route.SINGLE_OPT_IN]):
        with pytest.raises(Refused, match=f"Missing: {name}"):
            ask(store, blog, ANNA, form={key: value for key, value in FORM.items() if key != name})

    with store.read() as tx:
        assert tx.connection.execute(recipients.select()).all() == []


def test_a_request_needs_an_address_and_a_marketing_topic(store, rules, blog):
    with pytest.raises(InvalidAddress):
        ask(store, blog, "anna@example")
    with pytest.raises(Refused, match="transactional"):
        ask(store, rules.policy.topic("orders"), ANNA)


def test_the_standings_are_the_fold_also_of_requests(store, blog):
    confirm(store, ask(store, blog, ANNA).token)
    events = events_of(store, ANNA)

    assert fold(7, events)[blog.number].grade == "A"


def test_a_whole_record_is_grade_b_and_says_which_notice_was_shown(store, rules, blog):
    more = {"route": Route.SINGLE_OPT_IN, "notice": NOTICE, "language": "da", "country": "DK"}

    event_id = tell(store, blog, ANNA, **more)

    [event] = events_of(store, ANNA)
    assert decision(store, rules, blog, ANNA).event_id == event_id
    assert event.grade is Grade.B
    assert event.facts == {
        "route": "single_opt_in",
        "notice": NOTICE.sha256,
        "form": "footer-2",
        "language": "da",
        "country": "DK",
    }


def test_a_record_with_gaps_is_refused_by_name_and_leaves_nothing(store, blog):
    with pytest.raises(Refused, match=r"Missing: notice, page_url\.") as refusal:
        tell(store, blog, ANNA, route=Route.SINGLE_OPT_IN, evidence=FORM | {"page_url": ""})

    assert "grade D" in str(refusal.value)
    assert ANNA not in str(refusal.value)
    with store.read() as tx:
        assert tx.connection.execute(recipients.select()).all() == []
        assert tx.connection.execute(notices.select()).all() == []


@pytest.mark.parametrize(
    ("change", "more", "grade"),
    [
        ({"page_url": ""}, {"notice": NOTICE}, Grade.C),
        ({}, {}, Grade.D),
        ({"default_state": "checked"}, {"notice": NOTICE}, Grade.D),
        ({"withdrawal_told": "no"}, {"notice": NOTICE}, Grade.D),
    ],
    ids=["a gap", "no notice", "ticked beforehand", "withdrawal not told"],
)
def test_what_proves_no_consent_may_be_kept_and_allows_no_mail(store, rules, blog, change, more, grade):
    tell(store, blog, ANNA, route=Route.SINGLE_OPT_IN, evidence=FORM | change, partial=True, **more)

    assert [event.grade for event in events_of(store, ANNA)] == [grade]
    assert decision(store, rules, blog, ANNA).reason is Reason.NO_LEGAL_BASIS


def test_a_record_that_speaks_against_itself_is_refused_on_any_route_and_none(store, blog):
    for route in (None, Route.PAPER):
        with pytest.raises(Refused, match="business card"):
            tell(store, blog, ANNA, route=route, evidence={"wording": "x", "document": "business_card"})


def test_free_evidence_that_shows_nothing_is_kept_as_grade_c(store, rules, blog):
    tell(store, blog, ANNA, evidence={"ip": "192.0.2.0"})

    assert [event.grade for event in events_of(store, ANNA)] == [Grade.C]
    assert not decision(store, rules, blog, ANNA).allowed


@pytest.mark.parametrize("route", Route)
def test_no_route_lifts_a_withdrawal(store, rules, blog, route):
    withdrawn = leave(store, blog, ANNA)

    tell(store, blog, ANNA, route=route, notice=NOTICE, evidence={"wording": "x"}, partial=True)

    assert decision(store, rules, blog, ANNA).event_id == withdrawn


def test_a_notice_is_stored_once_and_goes_by_its_hash(store, blog):
    for address in (ANNA, BO):
        tell(store, blog, address, notice=NOTICE)
    tell(store, blog, CECILIA, notice=NOTICE.sha256)

    with store.read() as tx:
        [row] = tx.connection.execute(notices.select()).all()
        assert read_notice(tx, NOTICE.sha256) == NOTICE
    assert (row.text, row.first_stored_at) == (NOTICE.text, NOW)
    assert events_of(store, CECILIA)[0].facts["notice"] == NOTICE.sha256


def test_the_hash_of_no_notice_of_the_topic_is_refused(store, blog, alerts):
    tell(store, alerts, ANNA, notice=replace(NOTICE, key="alerts"))

    for unknown in ("0" * 64, replace(NOTICE, key="alerts").sha256):
        with pytest.raises(Refused, match="text, version and language"):
            tell(store, blog, ANNA, notice=unknown)


@pytest.mark.parametrize("statement", ["update notices set text = 'x'", "delete from notices"])
def test_a_notice_is_never_changed_or_deleted(store, blog, statement):
    tell(store, blog, ANNA, notice=NOTICE)

    with pytest.raises(IntegrityError, match="immutable"), store.begin() as tx:
        tx.connection.execute(text(statement))


def test_many_at_once_may_show_a_notice_for_the_first_time(store, blog):
    gate, faults = threading.Barrier(4), []

    def first(number):
        gate.wait()
        try:
            tell(store, blog, f"anna{number}@example.com", notice=NOTICE)
        except MailconsentError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=first, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.read() as tx:
        assert len(tx.connection.execute(notices.select()).all()) == 1
    assert faults == []
