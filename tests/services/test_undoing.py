"""Undoing a withdrawal through the link that went to the person's own mailbox (design 5.3); on both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from mailconsent.errors import InvalidToken, KeyMissing, Refused, TokenExpired
from mailconsent.model import ALL_TOPICS, Channel, EventId, EventKind, Evidence, LegalBasis, UnsubscribeClaim
from mailconsent.services.erasure import erase
from mailconsent.services.journal import replay
from mailconsent.services.operators import release
from mailconsent.services.recipients import opt_out, unsubscribe, withdraw
from mailconsent.services.rotation import begin_digest_rotation, move_recipients, rotate_signing
from mailconsent.services.undoing import offer_undo, undo
from mailconsent.store.journal import read_entries
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_address, lock_known
from tests.cast import ANNA, BO, NOW, receipt
from tests.houses import ask as ask_now
from tests.houses import consent, unfolded

DAY = 24 * 60
MAIL = "mail:1/7/42"


def by_mail(minutes=0, source=MAIL):
    return replace(receipt(Channel.INBOX, minutes=minutes, detector="unsubscribe"), source=source)


def claim_of(store, address, topic=1, basis=LegalBasis.CONSENT):
    with store.read() as tx:
        recipient = tx.digester.digest(address, 1)
    return UnsubscribeClaim(digest=recipient, generation=1, topic=topic, basis=basis)


def leave(store, address=ANNA, *, minutes=0, source=MAIL, to=None):
    """Withdraw by a mail in one's own words; the token of the link in the answer to it."""
    with store.begin() as tx:
        outcome = withdraw(tx, address, by_mail(minutes, source))
        return offer_undo(tx, [outcome], to or address)


def take_back(store, token, *, minutes=1, channel=Channel.PAGE, method="POST"):
    how = receipt(channel, minutes=minutes, confirm_method=method)
    claim = store.keyring.read_undo(token, now=how.received_at)
    with store.begin() as tx:
        return undo(tx, claim, how)


def events_of(store, address=ANNA):
    with store.begin() as tx:
        recipient = lock_known(tx, address)
        return recipient.events if recipient else []


def kinds(store, address=ANNA):
    return [event.kind.value for event in events_of(store, address)]


def allowed(installation, address=ANNA, topic="blog"):
    return ask_now(installation, address, topic=topic)[0].allowed


def test_an_undo_gives_back_what_there_was(installation, store):
    consent(installation, ANNA)
    token = leave(store)
    assert not allowed(installation)

    outcome = take_back(store, token)

    assert not outcome.repeated
    assert allowed(installation)
    restored = events_of(store)[-1]
    assert (restored.kind, restored.ends, restored.channel) == (EventKind.RESTORED, 2, Channel.PAGE)
    assert not unfolded(installation)


def test_an_undo_grants_nothing(installation, store):
    take_back(store, leave(store))

    assert not allowed(installation)
    assert kinds(store) == ["withdrawn", "restored"]


def test_a_repeat_adds_nothing(installation, store):
    consent(installation, ANNA)
    token = leave(store)
    first = take_back(store, token)

    again = take_back(store, token, minutes=2)

    assert again.repeated
    assert again.event_id == first.event_id
    assert kinds(store) == ["consent_given", "withdrawn", "restored"]


def test_who_left_again_since_stays_away(installation, store):
    consent(installation, ANNA)
    token = leave(store)
    take_back(store, token)
    newer = leave(store, minutes=5, source="mail:1/7/43")

    assert take_back(store, token, minutes=6).repeated
    assert not allowed(installation)
    take_back(store, newer, minutes=7)
    assert allowed(installation)


def test_another_withdrawal_stands(installation, store):
    consent(installation, ANNA)
    with store.begin() as tx:
        unsubscribe(tx, claim_of(store, ANNA), receipt(Channel.PAGE))
    token = leave(store, minutes=1)

    take_back(store, token, minutes=2)

    assert not allowed(installation)


@pytest.mark.parametrize(("minutes", "works"), [(DAY - 1, True), (DAY, False), (DAY + 1, False)])
def test_it_can_be_undone_for_24_hours(store, minutes, works):
    token = leave(store)

    if works:
        assert not take_back(store, token, minutes=minutes).repeated
    else:
        with pytest.raises(TokenExpired):
            take_back(store, token, minutes=minutes)
        assert kinds(store) == ["withdrawn"]


def test_a_link_that_was_read_in_time_is_too_late_when_the_act_is(store):
    token = leave(store)
    claim = store.keyring.read_undo(token, now=NOW)

    with pytest.raises(TokenExpired), store.begin() as tx:
        undo(tx, claim, receipt(Channel.PAGE, minutes=DAY, confirm_method="POST"))


@pytest.mark.parametrize(
    ("channel", "method"),
    [
        (Channel.PAGE, "GET"),
        (Channel.ONE_CLICK, "POST"),
        (Channel.INBOX, "POST"),
        (Channel.API, "POST"),
        (Channel.OPERATOR, "POST"),
    ],
)
def test_only_the_person_at_our_page_undoes(store, channel, method):
    token = leave(store)

    with pytest.raises(Refused, match="with a POST"):
        take_back(store, token, channel=channel, method=method)
    assert kinds(store) == ["withdrawn"]


def test_one_mail_that_quotes_a_link_and_asks_in_words_is_undone_as_one(installation, store):
    consent(installation, ANNA)
    with store.begin() as tx:
        everything = claim_of(store, ANNA, topic=ALL_TOPICS)
        outcomes = [unsubscribe(tx, everything, by_mail(), quoted=True), withdraw(tx, ANNA, by_mail())]
        token = offer_undo(tx, outcomes, ANNA)
    assert kinds(store) == ["consent_given", "withdrawn", "withdrawn"]

    take_back(store, token)

    assert kinds(store)[3:] == ["restored", "restored"]
    assert allowed(installation)
    assert take_back(store, token, minutes=2).repeated
    assert not unfolded(installation)


def test_tagged_forms_come_back_too(installation, store):
    tagged = "anna+news@example.com"
    consent(installation, ANNA, tagged)
    token = leave(store)
    assert not allowed(installation, tagged)

    take_back(store, token)

    assert allowed(installation, tagged)
    # One that comes later inherits nothing of it.
    consent(installation, "anna+later@example.com")
    assert allowed(installation, "anna+later@example.com")
    assert not unfolded(installation)


def test_the_own_withdrawal_of_a_tagged_form_stands(installation, store):
    tagged = "anna+news@example.com"
    consent(installation, tagged)
    with store.begin() as tx:
        unsubscribe(tx, claim_of(store, tagged), receipt(Channel.PAGE))

    take_back(store, leave(store))

    assert not allowed(installation, tagged)


def test_a_refusal_by_link_is_undone_for_its_topic(installation, store):
    consent(installation, ANNA)
    with store.begin() as tx:
        outcome = unsubscribe(tx, claim_of(store, ANNA, basis=LegalBasis.SOFT_OPT_IN), by_mail())
        token = offer_undo(tx, [outcome], ANNA)
    assert not allowed(installation)

    take_back(store, token)

    assert allowed(installation)


@pytest.mark.parametrize("to", [BO, "anna+tag@example.com", "anna@example.org"])
def test_the_link_goes_to_no_other_address_than_the_one_withdrawn(store, to):
    assert leave(store, to=to) is None


def test_the_address_may_be_written_in_another_way(store):
    assert leave(store, to=" Anna@EXAMPLE.com. ") is not None


def test_who_repeats_an_old_opt_out_is_given_no_link_to_undo_it(store):
    leave(store)

    assert leave(store, minutes=3 * DAY, source="mail:1/7/99") is None


def test_a_mail_about_two_people_gives_the_writer_their_own_undo_only(installation, store):
    consent(installation, ANNA, BO)
    with store.begin() as tx:
        quoted = unsubscribe(tx, claim_of(store, BO, topic=ALL_TOPICS), by_mail(), quoted=True)
        token = offer_undo(tx, [quoted, withdraw(tx, ANNA, by_mail())], ANNA)

    take_back(store, token)

    assert allowed(installation)
    assert not allowed(installation, BO)


def test_an_objection_cannot_be_undone(store):
    with store.begin() as tx:
        outcome = opt_out(tx, ANNA, EventKind.OBJECTED, by_mail())
        assert offer_undo(tx, [outcome], ANNA) is None


def test_what_an_operator_released_is_a_repeat(store):
    token = leave(store)
    with store.begin() as tx:
        withdrawal = EventId(lock_address(tx, ANNA).id, 1)
        released = release(tx, withdrawal, receipt(Channel.OPERATOR, minutes=1), "a misread mail")

    outcome = take_back(store, token, minutes=2)

    assert outcome.repeated
    assert outcome.event_id == released.event_id
    assert kinds(store) == ["withdrawn", "released"]


def test_the_new_owner_of_a_mailbox_does_not_undo_what_the_last_one_withdrew(store):
    token = leave(store)
    with store.begin() as tx:
        how = receipt(minutes=1)
        append(tx, lock_address(tx, ANNA), how.event(EventKind.OWNER_CHANGED, ALL_TOPICS), how.evidence)

    with pytest.raises(Refused, match="no longer"):
        take_back(store, token, minutes=2)


def forget(store):
    with store.begin() as tx:
        erase(tx, ANNA, replace(receipt(Channel.OPERATOR), evidence=Evidence()), digest=True, told=True)
    assert events_of(store) == []


def test_of_whom_everything_was_erased_there_is_nothing_to_undo(store):
    token = leave(store)
    forget(store)

    with pytest.raises(Refused, match="no longer"):
        take_back(store, token)
    assert events_of(store) == []


def test_the_same_number_in_another_history_is_not_the_same_withdrawal(store):
    # As after a restore from a backup that is older than the withdrawal: its number is given again.
    token = leave(store)
    forget(store)
    leave(store, minutes=2, source="mail:1/8/1")

    with pytest.raises(Refused, match="no longer"):
        take_back(store, token, minutes=3)
    assert kinds(store) == ["withdrawn"]


def test_the_journal_tells_of_the_withdrawal_alone_and_a_replay_leaves_the_undo(installation, store, house):
    consent(installation, ANNA)
    take_back(store, leave(store))
    entries = [line for path in sorted((house.folder / "journal").iterdir()) for line in read_entries(path)]
    assert [entry.kind for entry in entries] == [EventKind.WITHDRAWN]

    *_, done = replay(store, lambda: entries, now=NOW + timedelta(hours=1))

    assert done.added == 0
    assert allowed(installation)


def test_after_a_replay_into_an_old_backup_the_link_no_longer_undoes(installation, store, house):
    token = leave(store)
    take_back(store, token)
    entries = [line for path in sorted((house.folder / "journal").iterdir()) for line in read_entries(path)]
    forget(store)
    *_, done = replay(store, lambda: entries, now=NOW + timedelta(hours=1))
    assert done.added == 1

    # An undo in no journal: whoever wants mail again says so once more.
    with pytest.raises(Refused, match="no longer"):
        take_back(store, token, minutes=90)
    assert kinds(store) == ["withdrawn"]


def test_a_link_works_while_the_keys_are_moved_and_after(installation, store):
    consent(installation, ANNA, BO)
    tokens = {address: leave(store, address) for address in (ANNA, BO)}
    rotate_signing(store)
    generation = begin_digest_rotation(store)
    # The tagged forms of an address cannot be found before all rows have moved.
    with pytest.raises(KeyMissing):
        take_back(store, tokens[BO])
    list(move_recipients(store, generation))

    for address, token in tokens.items():
        assert not take_back(store, token).repeated
        assert allowed(installation, address)


def test_a_link_signed_after_the_keys_were_moved_works(installation, store):
    consent(installation, ANNA)
    list(move_recipients(store, begin_digest_rotation(store)))

    assert not take_back(store, leave(store)).repeated
    assert allowed(installation)


def test_of_two_undos_at_once_one_adds_an_event(installation, store):
    people = [f"anna{number}@example.com" for number in range(4)]
    consent(installation, *people)
    tokens = [token for address in people for token in [leave(store, address)] * 2]

    with ThreadPoolExecutor(len(tokens)) as pool:
        outcomes = list(pool.map(lambda token: take_back(store, token), tokens))

    assert [kinds(store, address) for address in people] == [["consent_given", "withdrawn", "restored"]] * 4
    assert sum(outcome.repeated for outcome in outcomes) == 4
    assert all(decision.allowed for decision in ask_now(installation, *people))
    assert not unfolded(installation)


def test_who_leaves_again_at_the_same_moment_has_left_or_is_back_whole(installation, store):
    people = [f"bo{number}@example.com" for number in range(4)]
    consent(installation, *people)
    tokens = {address: leave(store, address) for address in people}
    works = [work for each in people for work in ((take_back, tokens[each]), (leave, each))]

    with ThreadPoolExecutor(len(works)) as pool:
        list(pool.map(lambda work: work[0](store, work[1]), works))

    # Whichever came first: said before the undo, it was a repeat of what was undone; said after it, it stands.
    for address in people:
        told = kinds(store, address)
        assert told in (
            ["consent_given", "withdrawn", "restored"],
            ["consent_given", "withdrawn", "restored", "withdrawn"],
        )
        assert allowed(installation, address) is (told[-1] == "restored")
    assert not unfolded(installation)


def test_links_of_other_kinds_undo_nothing_and_this_one_confirms_nothing(store):
    token = leave(store)

    for read in (store.keyring.read_token, lambda text: store.keyring.read_confirm(text, now=NOW)):
        with pytest.raises(InvalidToken):
            read(token)
