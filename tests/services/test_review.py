"""Unclear mail stops marketing until a human has answered it; what each answer does."""

import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from mailconsent import logs
from mailconsent.cli.unclear import why
from mailconsent.errors import Refused
from mailconsent.mail_id import MailId
from mailconsent.mailbox import Fetched
from mailconsent.model import Channel, EventKind, Evidence, Grade, Reason
from mailconsent.services import operators, review
from mailconsent.services.access import read_dossier
from mailconsent.services.applying import apply_and_tell
from mailconsent.services.case import Part, read_case
from mailconsent.services.erasure import erase
from mailconsent.services.holds import place_hold
from mailconsent.services.housekeeping import keep_house
from mailconsent.services.inbox import judge, process
from mailconsent.services.journal import replay
from mailconsent.services.recipients import unsubscribe, withdraw
from mailconsent.store.dossier import read_evidence
from mailconsent.store.holds import HoldReason
from mailconsent.store.journal import Journal, read_entries
from mailconsent.store.ledger import append, read_event
from mailconsent.store.mailboxes import read_cursor, take_lease
from mailconsent.store.recipients import lock_address
from mailconsent.store.review import count_overdue, left_over, list_waiting
from tests.cast import ANNA, BO, CECILIA, NOW, receipt
from tests.doors.mails import mail
from tests.houses import PATIENCE, ask, consent, events, rows, token_for, unfolded

BOX = "contact@127.0.0.1/INBOX"
#: Of what the database has no part in.
ON_ONE = pytest.mark.parametrize("house", ["sqlite"], indirect=True)
UNCLEAR = "Please unsubscribe me.\r\n\r\nPlease do not unsubscribe me."
OF_ANOTHER = f"Please unsubscribe {CECILIA}."
HOUR = timedelta(hours=1)
LATER = NOW + 30 * HOUR
BY_OPERATOR = replace(receipt(Channel.OPERATOR), received_at=LATER)


def deliver(here, raw, uid=1, now=NOW):
    """The id of a mail to the contact inbox, read by the worker an hour after it came."""
    lease = timedelta(minutes=5)
    with here.store.begin() as tx:
        take_lease(tx, BOX, "worker", now=now, lease=lease)
        cursor = read_cursor(tx, BOX, 7)
        judged = judge(Fetched(uid=uid, raw=raw, received_at=now - HOUR), here.store.keyring.read_token)
        process(tx, cursor, "worker", [judged], now=now, lease=lease)
        return MailId(cursor.mailbox_id, 7, uid)


def unclear(here, sender=ANNA, uid=1, text=UNCLEAR, **more):
    return deliver(here, mail(sender, "A wish", text, number=uid), uid, **more)


def waiting(here):
    with here.store.read() as tx:
        return list(list_waiting(tx))


def applied(here, mail_id, *addresses, how=BY_OPERATOR):
    with here.store.begin() as tx:
        answered = review.apply(tx, mail_id, how, addresses=addresses)
    return [*answered.withdrawn, *answered.released]


def dismissed(here, mail_id, reason="thanks for a talk", how=BY_OPERATOR):
    with here.store.begin() as tx:
        return review.dismiss(tx, mail_id, how, reason).released


def confirm(here, address, topic=1):
    with here.store.begin() as tx:
        event = receipt(Channel.PAGE).event(EventKind.CONSENT_GIVEN, topic, grade=Grade.A)
        append(tx, lock_address(tx, address), event, Evidence())


def reasons(here, *addresses, topic="blog"):
    return [decision.reason.value for decision in ask(here, *addresses, topic=topic)]


def kinds(here):
    return sorted(event.kind.value for found in events(here).values() for event in found)


def test_marketing_stops_at_once_and_the_mail_is_to_be_answered_within_two_days(installation):
    consent(installation, ANNA)

    unclear(installation)

    assert reasons(installation, ANNA) == ["questioned"]
    assert reasons(installation, ANNA, topic="orders") == ["transactional"]
    [one] = waiting(installation)
    assert (one.received_at, one.review_until) == (NOW - HOUR, NOW + 48 * HOUR)
    assert one.questions == [ask(installation, ANNA)[0].event_id]
    assert "@" not in str(one)


@ON_ONE
def test_the_oldest_is_at_the_top(installation):
    for uid, day in ((3, 2), (1, 1), (2, 3)):
        unclear(installation, uid=uid, now=NOW + timedelta(days=day))

    assert [one.id.uid for one in waiting(installation)] == [1, 3, 2]


def test_a_request_becomes_a_withdrawal_of_when_the_mail_came(installation):
    consent(installation, ANNA)
    unclear_mail = unclear(installation)

    [made] = applied(installation, unclear_mail)

    assert reasons(installation, ANNA) == ["withdrawn"]
    assert reasons(installation, ANNA, topic="alerts") == ["withdrawn"], "all marketing: the scope is unclear"
    assert ask(installation, ANNA)[0].event_id == made
    with installation.store.read() as tx:
        event, support = read_event(tx, made), read_evidence(tx, made.recipient_id)[made.seq]
    assert (event.channel, event.occurred_at, event.received_at) == (Channel.INBOX, NOW - HOUR, LATER)
    assert event.source == unclear_mail.source
    assert support["review"] == "applied"
    assert waiting(installation) == []
    assert rows(installation, "select state, label, raw is not null from inbound_messages") == [
        ("done", "unsubscribe", True)
    ]
    assert unfolded(installation) == []


def test_who_confirmed_a_consent_after_the_mail_keeps_it(installation):
    consent(installation, ANNA, topic="industry")
    unclear_mail = unclear(installation)
    confirm(installation, ANNA)
    assert reasons(installation, ANNA) == ["questioned"], "until somebody has read it"

    applied(installation, unclear_mail)

    assert reasons(installation, ANNA) == ["consent"]
    assert reasons(installation, ANNA, topic="industry") == ["withdrawn"]
    assert unfolded(installation) == []


def test_what_was_no_request_is_released_with_the_reason(installation):
    consent(installation, ANNA)
    unclear_mail = unclear(installation)
    question = ask(installation, ANNA)[0].event_id

    [made] = dismissed(installation, unclear_mail)

    assert reasons(installation, ANNA) == ["consent"]
    with installation.store.read() as tx:
        event, support = read_event(tx, made), read_evidence(tx, made.recipient_id)[made.seq]
    assert (event.kind, event.ends, event.channel) == (EventKind.RELEASED, question.seq, Channel.OPERATOR)
    assert support["reason"] == "thanks for a talk"
    assert waiting(installation) == []
    assert unfolded(installation) == []


@ON_ONE
@pytest.mark.parametrize("channel", [Channel.API, Channel.INBOX, Channel.PAGE])
def test_only_an_operator_dismisses_and_only_with_a_reason(installation, channel):
    unclear_mail = unclear(installation)

    for how, reason in ((receipt(channel), "because"), (BY_OPERATOR, " ")):
        with pytest.raises(Refused, match="Only an operator"):
            dismissed(installation, unclear_mail, reason, how)

    assert len(waiting(installation)) == 1


def test_of_two_mails_that_ask_the_same_the_last_answer_ends_the_question(installation):
    consent(installation, ANNA)
    first, second = unclear(installation, uid=1), unclear(installation, uid=2)
    assert kinds(installation) == ["consent_given", "questioned"], "one question"

    assert dismissed(installation, second) == []
    assert reasons(installation, ANNA) == ["questioned"]
    assert rows(installation, "select raw is not null from inbound_messages where uid = 2") == [(False,)], (
        "no event names it, so nobody would find it again"
    )
    dismissed(installation, first)
    assert reasons(installation, ANNA) == ["consent"]
    assert rows(installation, "select raw is not null from inbound_messages where uid = 1") == [(True,)]


@ON_ONE
def test_a_mail_that_comes_after_the_answer_is_a_new_question(installation):
    consent(installation, ANNA)
    dismissed(installation, unclear(installation, uid=1))

    unclear(installation, uid=2)

    assert reasons(installation, ANNA) == ["questioned"]
    assert len(waiting(installation)) == 1


def test_one_answer_of_two_that_it_was_a_request_holds(installation):
    consent(installation, ANNA)
    first, second = unclear(installation, uid=1), unclear(installation, uid=2)

    applied(installation, second)
    assert dismissed(installation, first) == []

    assert reasons(installation, ANNA) == ["withdrawn"]


def test_whom_the_writer_names_is_stopped_too_and_a_human_says_who_is_meant(installation):
    consent(installation, CECILIA, BO)
    unclear_mail = unclear(installation, BO, text=OF_ANOTHER)
    assert reasons(installation, CECILIA, BO) == ["questioned", "questioned"]

    applied(installation, unclear_mail, CECILIA)

    assert reasons(installation, CECILIA, BO) == ["withdrawn", "consent"]
    assert unfolded(installation) == []


@ON_ONE
def test_who_is_named_is_withdrawn_also_of_a_mail_that_asks_about_them_twice(installation):
    tagged = "anna+news@example.com"
    consent(installation, ANNA, tagged)
    link = f"https://mail.example.com/u/{token_for(installation, ANNA)}"
    unclear_mail = unclear(installation, text=f"{UNCLEAR}\r\n\r\n> Stop: {link}")
    [one] = waiting(installation)
    assert len(one.questions) == 2, "one for her address, one for her link"

    applied(installation, unclear_mail, ANNA)

    assert reasons(installation, ANNA, tagged) == ["withdrawn", "withdrawn"]
    assert "released" not in kinds(installation)


@ON_ONE
def test_a_mail_from_nobody_waits_and_its_answer_says_whom_it_is_about(installation):
    consent(installation, ANNA)
    from_nobody = deliver(installation, mail("undisclosed", "Unsubscribe"))
    assert [one.questions for one in waiting(installation)] == [[]]

    with pytest.raises(Refused, match="name the address"):
        applied(installation, from_nobody)
    applied(installation, from_nobody, ANNA)

    assert reasons(installation, ANNA) == ["withdrawn"]


def test_the_owner_of_a_link_that_nobody_quotes_is_asked_about(installation):
    consent(installation, ANNA)
    link = f"https://mail.example.com/u/{token_for(installation, ANNA)}"

    deliver(installation, mail("undisclosed", "Unsubscribe", f"Unsubscribe\r\n\r\n> Stop: {link}"))

    assert reasons(installation, ANNA) == ["questioned"]


@ON_ONE
def test_who_names_a_crowd_is_stopped_and_the_crowd_is_not(installation):
    crowd = [f"r{number}@example.net" for number in range(11)]
    consent(installation, ANNA, BO, *crowd)
    link = f"https://mail.example.com/u/{token_for(installation, BO)}"

    deliver(installation, mail(ANNA, "Newsletter", f"Please unsubscribe {', '.join(crowd)}.\r\n\r\n> Stop: {link}"))

    assert reasons(installation, ANNA, BO) == ["questioned", "questioned"]
    assert set(reasons(installation, *crowd)) == {"consent"}
    assert len(waiting(installation)) == 1


@ON_ONE
def test_a_mail_from_a_crowd_stops_nobody(installation):
    crowd = [f"r{number}@example.com" for number in range(11)]
    consent(installation, *crowd)

    deliver(installation, mail(", ".join(crowd), "Unsubscribe"))

    assert set(reasons(installation, *crowd)) == {"consent"}
    assert len(waiting(installation)) == 1


@pytest.mark.parametrize(("answer", "told"), [(applied, "withdrawn"), (dismissed, "consent")])
def test_tagged_forms_are_stopped_and_answered_with_the_address_also_those_that_come_meanwhile(
    installation, answer, told
):
    news, shop = "anna+news@example.com", "anna+shop@example.com"
    consent(installation, ANNA, news)
    unclear_mail = unclear(installation)
    consent(installation, shop)
    assert reasons(installation, ANNA, news, shop) == ["questioned"] * 3

    answer(installation, unclear_mail)

    assert reasons(installation, ANNA, news, shop) == [told] * 3
    with installation.store.read() as tx:
        assert left_over(tx) == []
    assert unfolded(installation) == []


def test_a_question_is_ended_by_the_answer_to_its_mail_alone(installation):
    consent(installation, ANNA)
    unclear_mail = unclear(installation)
    question = ask(installation, ANNA)[0].event_id

    with installation.store.begin() as tx, pytest.raises(Refused, match="Answer the mail"):
        operators.release(tx, question, BY_OPERATOR, "no request")
    [made] = applied(installation, unclear_mail)
    with installation.store.begin() as tx, pytest.raises(Refused, match="it was a request"):
        operators.release(tx, question, BY_OPERATOR, "no request")

    with installation.store.begin() as tx:
        operators.release(tx, made, BY_OPERATOR, "forged after all")
    assert reasons(installation, ANNA) == ["consent"], "and the question does not come back"


def test_an_answer_is_taken_back_only_when_every_mail_that_asked_the_same_has_its_own(installation):
    consent(installation, ANNA)
    first, second = unclear(installation, uid=1), unclear(installation, uid=2)
    [made] = applied(installation, first)

    with installation.store.begin() as tx, pytest.raises(Refused, match="Another mail asks the same"):
        operators.release(tx, made, BY_OPERATOR, "forged after all")
    assert reasons(installation, ANNA) == ["withdrawn"]
    dismissed(installation, second)
    with installation.store.begin() as tx:
        operators.release(tx, made, BY_OPERATOR, "forged after all")

    assert reasons(installation, ANNA) == ["consent"]


def test_a_request_made_again_stands_when_the_first_was_forged(installation):
    consent(installation, ANNA)
    first, second, third = (deliver(installation, mail(ANNA, "Unsubscribe", "", uid), uid) for uid in (1, 2, 3))
    assert len(kinds(installation)) == 2, "a repeat adds no event"

    with pytest.raises(Refused, match=f"{second}, {third}"):
        dismissed(installation, first)
    assert dismissed(installation, second) == []
    with pytest.raises(Refused, match=f": {third}"):
        dismissed(installation, first)
    assert reasons(installation, ANNA) == ["withdrawn"]

    dismissed(installation, third)
    assert reasons(installation, ANNA) == ["withdrawn"], "the first has not been taken back"
    dismissed(installation, first)
    assert reasons(installation, ANNA) == ["consent"]
    with pytest.raises(Refused, match="decided already"):
        dismissed(installation, third)
    assert unfolded(installation) == []


@ON_ONE
def test_a_request_made_again_is_no_longer_known_when_the_person_is_erased(installation):
    consent(installation, ANNA)
    for uid in (1, 2):
        deliver(installation, mail(ANNA, "Unsubscribe", "", uid), uid)

    with installation.store.begin() as tx:
        erase(tx, ANNA, receipt(Channel.OPERATOR), digest=True, told=True)

    assert rows(installation, "select count(*) from questions") == [(0,)]


@ON_ONE
def test_who_cannot_be_told_keeps_no_answer_back(installation):
    consent(installation, ANNA)
    from_nowhere = deliver(installation, mail("anna@..", "Unsubscribe"))

    with installation.store.begin() as tx:
        apply_and_tell(tx, installation, from_nowhere, BY_OPERATOR, addresses=[ANNA])

    assert reasons(installation, ANNA) == ["withdrawn"]


@ON_ONE
def test_a_mail_is_answered_once(installation):
    unclear_mail = unclear(installation)
    applied(installation, unclear_mail)

    with pytest.raises(Refused, match="decided already"):
        applied(installation, unclear_mail)
    with pytest.raises(Refused, match="no such mail"):
        applied(installation, MailId(1, 1, 99))


def test_a_mail_that_was_misread_as_a_request_is_taken_back_whole(installation):
    consent(installation, ANNA, BO)
    link = f"https://mail.example.com/u/{token_for(installation, ANNA)}"
    misread = deliver(installation, mail(BO, "Unsubscribe", f"Unsubscribe\r\n\r\n> Stop: {link}"))
    assert reasons(installation, ANNA, BO) == ["withdrawn", "withdrawn"]

    assert len(dismissed(installation, misread, "a colleague's joke")) == 2

    assert reasons(installation, ANNA, BO) == ["consent", "consent"]
    with pytest.raises(Refused, match="did nothing"):
        dismissed(installation, misread)


@ON_ONE
def test_what_the_owner_of_a_link_asked_for_is_theirs_and_nobody_dismisses_it(installation):
    consent(installation, ANNA)
    clear = deliver(installation, mail(ANNA, token_for(installation, ANNA)))

    with pytest.raises(Refused, match="did nothing"):
        dismissed(installation, clear)

    assert reasons(installation, ANNA) == ["withdrawn"]


@ON_ONE
def test_a_copy_is_not_asked_about_again(installation):
    raw = mail(ANNA, "A wish", UNCLEAR)
    deliver(installation, raw, uid=1)
    deliver(installation, raw, uid=2)

    assert [one.id.uid for one in waiting(installation)] == [1]
    assert rows(installation, "select raw is not null from inbound_messages order by uid") == [(True,), (False,)]


def test_of_two_who_answer_at_once_the_second_is_told(installation):
    consent(installation, ANNA)
    unclear_mail = unclear(installation)
    told = []

    def answer(how):
        try:
            told.append(len(how(installation, unclear_mail)))
        except Refused as refused:
            told.append(str(refused))

    people = [threading.Thread(target=answer, args=(how,)) for how in (applied, dismissed)]
    for person in people:
        person.start()
    for person in people:
        person.join(PATIENCE)

    assert sorted(map(type, told), key=str) == [int, str]
    assert reasons(installation, ANNA) in (["withdrawn"], ["consent"])
    assert len(kinds(installation)) == 3
    assert waiting(installation) == []


def test_of_two_mails_dismissed_at_once_one_ends_the_question(installation):
    consent(installation, ANNA)
    mails = [unclear(installation, uid=uid) for uid in (1, 2)]

    people = [threading.Thread(target=dismissed, args=(installation, one)) for one in mails]
    for person in people:
        person.start()
    for person in people:
        person.join(PATIENCE)

    assert reasons(installation, ANNA) == ["consent"]
    assert waiting(installation) == []


def test_an_erasure_takes_a_mail_that_nobody_has_read_for_a_request_of_all_it_may_be_about(installation):
    consent(installation, CECILIA, BO)
    unclear(installation, BO, text=OF_ANOTHER)

    with installation.store.begin() as tx:
        erase(tx, BO, replace(receipt(minutes=60), evidence=Evidence()))

    assert reasons(installation, CECILIA, BO) == ["withdrawn", "objected"]
    assert rows(installation, "select count(*) from questions") == [(0,)]
    confirm(installation, BO)
    assert reasons(installation, BO) == ["consent"], "no question is left that nobody could answer"
    assert unfolded(installation) == []


def test_each_mail_that_asks_about_a_person_is_theirs_to_see_and_goes_with_an_erasure(installation):
    consent(installation, CECILIA)
    mails = [unclear(installation, sender, uid=uid, text=OF_ANOTHER) for uid, sender in ((1, BO), (2, ANNA))]
    assert kinds(installation).count("questioned") == 3, "the second one adds none about her"
    with installation.store.read() as tx:
        dossier = read_dossier(tx, installation.rules.policy, CECILIA, now=NOW)
    assert {message.source for message in dossier.messages} == {one.source for one in mails}

    with installation.store.begin() as tx:
        erase(tx, CECILIA, replace(receipt(minutes=60), evidence=Evidence()))

    assert rows(installation, "select state, raw from inbound_messages") == [("done", None)] * 2
    assert reasons(installation, ANNA, BO) == ["withdrawn", "withdrawn"], "nobody can read any more what they asked for"


def test_a_mail_that_asks_about_somebody_under_a_hold_stays_whoever_is_erased(installation):
    for uid, sender in ((1, BO), (2, ANNA)):
        unclear(installation, sender, uid=uid, text=OF_ANOTHER)
    with installation.store.begin() as tx:
        hold = {"claim": None, "reason": HoldReason.LEGAL_CLAIM, "review_by": LATER.date(), "now": NOW}
        place_hold(tx, installation.rules.policy, address=CECILIA, **hold)

    with installation.store.begin() as tx:
        erase(tx, ANNA, replace(receipt(minutes=60), evidence=Evidence()))

    assert [one.id.uid for one in waiting(installation)] == [1, 2]


def test_a_question_that_came_back_without_its_mail_is_listed_and_answered(installation):
    store = installation.store
    journal = Journal(installation.settings.journal)
    unclear(installation)
    lines = [line for path in journal.files() for line in read_entries(path)]
    for statement in ("questions", "inbound_messages", "mailboxes"):
        with store.begin() as tx:
            tx.connection.exec_driver_sql(f"delete from {statement}")
    with store.begin() as tx:
        erase(tx, ANNA, BY_OPERATOR, digest=True, told=True)
    list(replay(store, lambda: lines, now=LATER))
    assert reasons(installation, ANNA) == ["questioned"]

    with store.read() as tx:
        [question] = left_over(tx)
    with store.begin() as tx:
        review.answer_left_over(tx, question, BY_OPERATOR)

    assert reasons(installation, ANNA) == ["withdrawn"]
    with store.begin() as tx, pytest.raises(Refused, match="no open question"):
        review.answer_left_over(tx, question, BY_OPERATOR)


@ON_ONE
def test_a_mail_read_again_after_a_restore_finds_its_question_in_place(installation):
    with installation.store.begin() as tx:
        event = replace(receipt(Channel.INBOX), source="journal")
        person = lock_address(tx, ANNA)
        append(tx, person, event.event(EventKind.QUESTIONED, 0, facts={"identified": "sender"}), Evidence())

    unclear_mail = unclear(installation)
    dismissed(installation, unclear_mail)

    assert kinds(installation) == ["questioned", "released"]
    assert reasons(installation, ANNA) == [Reason.NO_LEGAL_BASIS]


def test_what_waits_too_long_is_counted(installation):
    unclear(installation)

    with installation.store.read() as tx:
        assert [count_overdue(tx, now=NOW + hours * HOUR) for hours in (48, 49)] == [0, 1]
    policy = installation.rules.policy
    house = keep_house(installation.store, policy, now=NOW + 49 * HOUR, stopping=lambda: False)
    assert house
    assert house.overdue == 1


@ON_ONE
def test_a_mail_that_did_nothing_leaves_no_text_when_it_is_dismissed(installation):
    from_nobody = deliver(installation, mail("undisclosed", "Unsubscribe"))

    assert dismissed(installation, from_nobody) == []

    assert rows(installation, "select state, raw from inbound_messages") == [("done", None)]


@ON_ONE
def test_a_case_shows_own_words_whom_it_may_be_about_and_nothing_that_is_quoted(installation):
    consent(installation, CECILIA)
    text = f"{OF_ANOTHER}\r\n\r\nOn Monday, news@example.com wrote:\r\n> Our secret offer"
    unclear_mail = unclear(installation, BO, text=text)

    with installation.store.read() as tx:
        case = read_case(tx, unclear_mail, installation.store.keyring.read_token)

    assert (case.subject, case.words, case.cut) == ("A wish", OF_ANOTHER, False)
    assert [(person.part, person.address, person.known, bool(person.question)) for person in case.people] == [
        (Part.WRITER, BO, False, True),
        (Part.NAMED, CECILIA, True, True),
    ]
    assert case.readable
    assert case.waiting.reason == "names another address"


@ON_ONE
def test_the_text_of_a_request_that_was_made_before_is_not_kept(installation):
    for uid in (1, 2):
        deliver(installation, mail(ANNA, "Unsubscribe", number=uid), uid=uid)

    assert rows(installation, "select raw is not null from inbound_messages order by uid") == [(True,), (False,)]


@ON_ONE
def test_a_case_names_the_owner_of_a_quoted_link_as_far_as_the_address_is_kept(installation):
    consent(installation, ANNA)
    link = f"https://mail.example.com/u/{token_for(installation, ANNA)}"
    unclear_mail = unclear(installation, BO, text=f"{UNCLEAR}\r\n\r\n> Stop: {link}")

    with installation.store.read() as tx:
        people = read_case(tx, unclear_mail, installation.store.keyring.read_token).people

    assert [(person.part, person.address) for person in people] == [(Part.WRITER, BO), (Part.LINK, ANNA)]


@ON_ONE
def test_a_mail_that_breaks_the_reader_is_to_be_looked_at_in_the_inbox(installation):
    nested = "".join(f'--{n}\r\nContent-Type: multipart/mixed; boundary="{n + 1}"\r\n\r\n' for n in range(2000))
    raw = mail(ANNA, "Hello", nested, Content_Type='multipart/mixed; boundary="0"')
    consent(installation, ANNA)
    unclear_mail = deliver(installation, raw)

    with installation.store.read() as tx:
        case = read_case(tx, unclear_mail, installation.store.keyring.read_token)

    assert not case.readable
    assert reasons(installation, ANNA) == ["questioned"], "whom its header names"


@ON_ONE
def test_a_request_whose_effect_breaks_by_a_fault_of_ours_stops_marketing_until_a_human_has_read_it(
    installation, capsys
):
    consent(installation, ANNA)
    logs.configure()  # to where standard error leads now
    with installation.store.begin() as tx:
        tx.connection.exec_driver_sql(
            "create trigger broken before insert on events when new.kind = 'withdrawn'"
            " begin select raise(abort, 'broken'); end"
        )

    failed = deliver(installation, mail(ANNA, "Unsubscribe"))

    assert [(one.id, one.detector) for one in waiting(installation)] == [(failed, "guard")]
    assert "could not be applied" in why(*waiting(installation))
    assert reasons(installation, ANNA) == ["questioned"]
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["error"].split()[0]) == ("message not applied", "StorageRefused")
    assert ANNA not in str(line)

    with installation.store.begin() as tx:
        tx.connection.exec_driver_sql("drop trigger broken")
    applied(installation, failed)

    assert reasons(installation, ANNA) == ["withdrawn"]


@ON_ONE
def test_that_marketing_could_not_even_be_stopped_is_logged(installation, capsys):
    consent(installation, ANNA)
    logs.configure()
    with installation.store.begin() as tx:
        tx.connection.exec_driver_sql(
            "create trigger broken before insert on events begin select raise(abort, ''); end"
        )

    failed = deliver(installation, mail(ANNA, "Unsubscribe"))

    assert [one.id for one in waiting(installation)] == [failed]
    said = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert said == ["message not applied", "marketing not stopped"]


@ON_ONE
def test_a_click_meanwhile_is_a_no_of_its_own(installation):
    consent(installation, ANNA)
    claim = installation.store.keyring.read_token(token_for(installation, ANNA))
    unclear_mail = unclear(installation)
    with installation.store.begin() as tx:
        unsubscribe(tx, claim, receipt(Channel.PAGE))

    dismissed(installation, unclear_mail)

    assert reasons(installation, ANNA) == ["withdrawn"]


def test_a_withdrawal_told_meanwhile_stays(installation):
    consent(installation, CECILIA)
    unclear_mail = unclear(installation, CECILIA)
    with installation.store.begin() as tx:
        withdraw(tx, CECILIA, receipt(Channel.API))

    applied(installation, unclear_mail)

    assert reasons(installation, CECILIA) == ["withdrawn"]
    assert unfolded(installation) == []
