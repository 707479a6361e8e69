"""Which events may go: none whose absence any later event could show."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailconsent.facts import may_end
from mailconsent.failures import judge_failure
from mailconsent.model import Channel, EventKind, Grade, MailKind
from mailconsent.retention import may_be_ended, removable
from tests.histories import OFFER, START, decided, history

NOW = START + timedelta(days=800)
ALL_EVENTS = range(1, 100)


def gone(notation, channel=Channel.ONE_CLICK, due=ALL_EVENTS):
    return removable([replace(event, channel=channel) for event in history(notation)], due, now=NOW)


@pytest.mark.parametrize(
    ("notation", "seqs", "why"),
    [
        ("", set(), "nothing to remove"),
        ("B1", set(), "a consent that stands is the proof of a yes"),
        ("B1 B1", {1}, "the newer one proves the same"),
        ("A1 B1", set(), "the newer one proves less"),
        ("B1 B2", set(), "consents to two topics"),
        ("C1", {1}, "no ground, whatever comes"),
        ("B1 W1", {1}, "withdrawn for good: only the no remains"),
        ("B1 W*", {1}, "by a wider one too"),
        ("B1 W2", set(), "another topic's withdrawal"),
        ("W1 A1 W1", set(), "the confirmed consent lifts the first no, and a policy may read all three"),
        ("W1 W1", {2}, "the same no twice"),
        ("W* W1", {2}, "the wider one says it already"),
        ("W1 W*", set(), "the narrower one does not say the wider one"),
        ("W1 O1", set(), "two different noes"),
        ("W1 B1 W1", {2, 3}, "without the consent between them, the second no says nothing new"),
        ("S* -1", {1, 2}, "released, and nobody can release it again"),
        ("S*", set(), "an operator may release it, but until then it stands"),
        ("F A1", {1}, "the confirmation proves that the address works"),
        ("F", set(), "still true"),
        ("F F", set(), "the second may be released, and then the first counts"),
        ("B1 N", {1, 2}, "the old owner's consent is over; then there is nothing for the new owner to end"),
        ("N N", {1, 2}, "with nothing before it a new owner ends nothing"),
        ("N B1", {1}, "the consent is the new owner's own"),
        ("Q* A1 N", set(), "a request, should the question be one, would be lifted by the consent"),
        ("R* ~1", set(), "undone, and it still bars soft opt-in"),
        ("R* ~1 R* ~3", {3, 4}, "the first one bars it already"),
        ("P1", {1}, "nobody can confirm it any more"),
        ("$", set(), "told of again, the order would pass for a new one"),
        ("$ !1", set(), "told of again, the order would pass for one that was never cancelled"),
    ],
)
def test_what_decides_nothing_any_more_goes(notation, seqs, why):
    assert gone(notation) == seqs, why


def test_a_request_by_mail_may_turn_out_to_be_forged_so_the_consent_behind_it_stays():
    assert gone("B1 W1", Channel.INBOX) == set()


def test_a_withdrawal_of_today_may_be_undone_so_the_consent_behind_it_stays():
    events = history("B1 W1")

    assert removable(events, ALL_EVENTS, now=events[-1].received_at + timedelta(hours=23)) == set()
    assert removable(events, ALL_EVENTS, now=events[-1].received_at + timedelta(hours=25)) == {1}


def test_a_no_without_a_token_reaches_tagged_forms_to_come_so_a_click_before_it_does_not_replace_it():
    click, told = history("W1 W1")
    told = replace(told, channel=Channel.API)

    assert removable([replace(click, channel=Channel.ONE_CLICK), told], ALL_EVENTS, now=NOW) == set()
    assert removable([replace(click, channel=Channel.API), told], ALL_EVENTS, now=NOW) == {2}


def test_only_what_is_due_goes():
    assert gone("C1 C1 C1", due={2}) == {2}


#: It, when the random ledgers are looked at.
OFFER_NOW = replace(OFFER, now=NOW)
ENDERS = {"-": EventKind.RELEASED, "~": EventKind.RESTORED}
ENDS = (*ENDERS.values(), EventKind.SALE_CANCELLED)
#: Few topics and doors, so that random events meet each other. `-` releases the last event that may still be released,
#: `~` undoes the last one that may still be undone, and `=` answers the last open question: it was a request.
TOLD = "A1 A2 B1 B2 C1 W1 W2 W* w1 w* O1 o* R* K* S1 q* F N $ - ~ ="
WORDS = st.sampled_from(TOLD.split())
LEDGERS = st.lists(WORDS, min_size=1, max_size=6)


def ledger(words, begins, events=(), last=0):
    """What `events`, the highest number of which ever was `last`, become; a small letter is a mail to the inbox."""
    events = list(events)
    for number, word in enumerate(words):
        at = begins + timedelta(hours=number)
        over = {event.ends for event in events}
        if word == "=":
            questions = [e for e in events if e.kind is EventKind.QUESTIONED and e.seq not in over]
            if not questions:
                continue
            event = replace(questions[-1], kind=EventKind.WITHDRAWN, ends=questions[-1].seq)
        elif word in ENDERS:
            kind = ENDERS[word]
            endable = [
                e
                for e in events
                if may_be_ended(e, now=at) and may_end(kind, e) and e.kind not in ENDS and e.seq not in over
            ]
            if not endable:
                continue
            ended = endable[-1]
            event = replace(ended, kind=kind, ends=ended.seq, channel=Channel.OPERATOR)
        elif word.islower():
            facts = {"identified": "sender"}
            event = replace(history(word.upper())[0], channel=Channel.INBOX, facts=facts)
        else:
            event = replace(history(word)[0], channel=Channel.ONE_CLICK)
        last += 1
        events.append(replace(event, seq=last, received_at=at))
    return events


def verdicts(events):
    marketing = [decided(events, topic, minimum=grade) for topic in (1, 2, 9) for grade in (Grade.A, Grade.B)]
    by_sale = decided(events, 2, offer=OFFER_NOW)
    return [*marketing, by_sale, decided(events, 1, kind=MailKind.TRANSACTIONAL)]


@settings(max_examples=1500, deadline=None)
@given(words=LEDGERS, spared=st.sets(st.integers(1, 6), max_size=2), later=st.lists(WORDS, max_size=3))
def test_every_later_decision_is_the_same_without_what_was_removed(words, spared, later):
    events = ledger(words, NOW - timedelta(days=400))
    removed = removable(events, set(ALL_EVENTS) - spared, now=NOW)
    assert not removed & spared

    # What was removed is no longer there to be ended, so what happens next is what may happen to the rest.
    remaining = [event for event in events if event.seq not in removed]
    new = ledger(later, NOW, remaining, last=len(events))[len(remaining) :]
    for count in range(len(new) + 1):
        assert verdicts([*events, *new[:count]]) == verdicts([*remaining, *new[:count]])


FAILING = st.lists(st.sampled_from(["T", "F", "A1", "B1", "W*", "N", "-"]), min_size=1, max_size=7)
STATUSES = ("5.1.1", "5.1.2", "5.2.2", "4.4.1")


def findings(events, day):
    """What failures that are told of on that day come to."""
    at = NOW + timedelta(days=day)
    return [judge_failure(events, status, at - timedelta(days=age), now=at) for status in STATUSES for age in (0, 70)]


@settings(max_examples=600, deadline=None)
@given(FAILING, st.integers(1, 40), st.sampled_from(STATUSES))
def test_every_later_failure_comes_to_the_same_without_what_was_removed(words, days, status):
    events = [
        replace(event, received_at=at, occurred_at=at, facts={"status": status})
        for event in ledger(words, NOW)
        for at in [NOW - (len(words) + 1 - event.seq) * timedelta(days=days)]
    ]
    removed = removable(events, ALL_EVENTS, now=NOW)

    remaining = [event for event in events if event.seq not in removed]
    for day in (0, 1, 15, 60):
        assert findings(events, day) == findings(remaining, day)


@given(LEDGERS)
def test_a_second_run_finds_nothing_more(words):
    events = ledger(words, NOW - timedelta(days=400))
    removed = removable(events, ALL_EVENTS, now=NOW)

    assert removable([event for event in events if event.seq not in removed], ALL_EVENTS, now=NOW) == set()
