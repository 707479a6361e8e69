"""What a bounce does to whom it is about, and that a forged one does nothing."""

import json
from dataclasses import replace

import pytest

from mailconsent.model import (
    ALL_TOPICS,
    Channel,
    EventId,
    EventKind,
    Evidence,
    Grade,
    LegalBasis,
    Reason,
    ReturnClaim,
    UnsubscribeClaim,
)
from mailconsent.policy.reports import Proof, Reports
from mailconsent.services.case import Part, read_case
from mailconsent.services.erasure import erase
from mailconsent.services.operators import release
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_address
from mailconsent.store.review import list_waiting
from tests.cast import ANNA, BO, receipt
from tests.doors.mails import mail
from tests.houses import ask, consent, rows, unfolded
from tests.reports import DAY, SENT, bounce, deliver, permit_of, states, to_be_marked, told_of

KINDS = {"F": EventKind.PERMANENT_FAILURE, "T": EventKind.TRANSIENT_FAILURE, "N": EventKind.OWNER_CHANGED}


@pytest.fixture
def here(installation):
    consent(installation, ANNA, BO)
    return installation


def failures(here, address):
    """The letters of what failed, in order."""
    letters = {kind: letter for letter, kind in KINDS.items()}
    return "".join(letters.get(event.kind, "") for event in told_of(here, address))


def reasons(here, *addresses, topic="blog"):
    return [decision.reason for decision in ask(here, *addresses, topic=topic)]


def test_a_mail_that_comes_back_on_its_return_path_ends_all_mail_to_the_address(here):
    deliver(here, bounce("5.1.1", ANNA, to=permit_of(here, ANNA).return_path))

    assert reasons(here, ANNA, BO) == [Reason.PERMANENT_FAILURE, Reason.CONSENT]
    assert reasons(here, ANNA, topic="orders") == [Reason.PERMANENT_FAILURE]
    [_, failure] = told_of(here, ANNA)
    assert (failure.topic, failure.channel) == (ALL_TOPICS, Channel.INBOX)
    assert failure.facts == {"status": "5.1.1", "proof": "return_path"}
    assert failure.source.startswith("mail:")
    assert states(here) == [("bounce_hard", "done")]
    assert unfolded(here) == []


def test_the_returned_header_proves_it_where_the_bounce_came_another_way(here):
    anna, bo = permit_of(here, ANNA), permit_of(here, BO)

    deliver(here, bounce("5.1.1", ANNA, returned=f"Message-ID: {anna.message_id}"))
    deliver(here, bounce("5.1.1", BO, returned=f"Return-Path: <{bo.return_path}>", note="bo"))

    assert reasons(here, ANNA, BO) == [Reason.PERMANENT_FAILURE] * 2


BY_STATUS = {
    "5.2.1": ("F", Reason.PERMANENT_FAILURE),
    "5.7.13": ("F", Reason.PERMANENT_FAILURE),
    "5.7.17": ("NF", Reason.PERMANENT_FAILURE),
    "5.7.18": ("NF", Reason.PERMANENT_FAILURE),
    "5.1.2": ("T", Reason.CONSENT),
    "5.2.2": ("T", Reason.CONSENT),
    "4.4.7": ("T", Reason.CONSENT),
    "5.7.1": ("", Reason.CONSENT),
    "5.7.515": ("", Reason.CONSENT),
    "5.6.0": ("", Reason.CONSENT),
    "5.0.0": ("", Reason.CONSENT),
}


def test_a_bounce_acts_by_its_status(here):
    people = {status: f"anna{status}@example.com" for status in BY_STATUS}
    consent(here, *people.values())

    deliver(here, *(bounce(status, one, to=permit_of(here, one).return_path) for status, one in people.items()))

    found = {status: (failures(here, one), reasons(here, one)[0]) for status, one in people.items()}
    assert found == BY_STATUS


def test_what_is_no_failure_does_nothing(here):
    to = permit_of(here, ANNA).return_path

    deliver(here, *(bounce("5.1.1", ANNA, to=to, action=a) for a in ("delayed", "delivered", "relayed", "expanded")))

    assert failures(here, ANNA) == ""
    assert states(here) == [("auto_reply", "done")] * 4


def test_an_absence_notice_on_the_return_path_does_nothing(here):
    to = permit_of(here, ANNA).return_path
    away = f"From: {ANNA}\r\nTo: {to}\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nUnsubscribe\r\n"

    deliver(here, away.encode())

    assert reasons(here, ANNA) == [Reason.CONSENT]
    assert states(here) == [("auto_reply", "done")]


def test_a_person_who_writes_to_the_return_path_is_known_by_it(here):
    to = permit_of(here, ANNA).return_path

    deliver(here, f"From: anna@elsewhere.example\r\nTo: {to}\r\nSubject: Unsubscribe\r\n\r\n".encode())

    assert reasons(here, ANNA, BO) == [Reason.WITHDRAWN, Reason.CONSENT]


def test_a_reply_is_known_by_the_message_id_that_it_answers(here):
    answers = permit_of(here, ANNA).message_id
    mail = f"From: anna@elsewhere.example\r\nTo: contact@example.com\r\nIn-Reply-To: {answers}\r\n"

    deliver(here, f"{mail}Subject: Re: News\r\n\r\nPlease unsubscribe me.\r\n".encode())

    assert reasons(here, ANNA, BO) == [Reason.WITHDRAWN, Reason.CONSENT]


def test_full_three_times_over_a_fortnight_is_the_end(here):
    for day in (1, 8, 15):
        assert reasons(here, ANNA) == [Reason.CONSENT]
        to = permit_of(here, ANNA, now=SENT + day * DAY).return_path
        deliver(here, bounce("5.2.2", ANNA, to=to, note=str(day)), at=SENT + day * DAY)

    assert failures(here, ANNA) == "TTF"
    assert reasons(here, ANNA) == [Reason.PERMANENT_FAILURE]
    assert unfolded(here) == []


def test_bounces_of_weeks_that_are_read_at_once_count_by_the_days_they_came(here):
    to = permit_of(here, ANNA).return_path
    for day in (1, 8, 15):
        deliver(here, bounce("5.2.2", ANNA, to=to, note=str(day)), at=SENT + day * DAY, now=SENT + 20 * DAY)

    assert failures(here, ANNA) == "TTF"


def test_an_address_that_cannot_be_reached_for_weeks_is_shown_to_a_human_once(here):
    for day in (1, 9, 17, 25, 33, 41):
        to = permit_of(here, ANNA, now=SENT + day * DAY).return_path
        deliver(here, bounce("4.4.1", ANNA, to=to, note=str(day)), at=SENT + day * DAY)

    assert failures(here, ANNA) == "TTTTTT"
    assert [state for _, state in states(here)] == ["done", "done", "done", "done", "review", "done"]
    assert reasons(here, ANNA) == [Reason.CONSENT]


def test_the_human_is_shown_whose_mail_it_was_and_not_only_whom_they_forward_to(here):
    for day in (1, 9, 17, 25, 33):
        to = permit_of(here, ANNA, now=SENT + day * DAY).return_path
        deliver(here, bounce("4.4.1", BO, to=to, note=str(day)), at=SENT + day * DAY)

    with here.store.read() as tx:
        [waiting] = list_waiting(tx)
        people = read_case(tx, waiting.id, here.store.keyring.read_mailed).people
    told = {(person.part, person.address, person.question) for person in people}
    assert told >= {(Part.NAMED, BO, None), (Part.LINK, ANNA, None)}


def test_a_copy_of_a_bounce_and_a_second_one_add_nothing(here):
    mail = bounce("5.1.1", ANNA, to=permit_of(here, ANNA).return_path)
    other = bounce("5.1.1", ANNA, to=permit_of(here, ANNA).return_path, note="again")

    deliver(here, mail, mail, other)

    assert failures(here, ANNA) == "F"
    assert [label for label, _ in states(here)] == ["bounce_hard"] * 3


def test_a_bounce_is_about_whom_the_mail_went_to_and_not_to_whom_they_forward(here):
    deliver(here, bounce("5.1.1", BO, to=permit_of(here, ANNA).return_path))

    assert reasons(here, ANNA, BO) == [Reason.PERMANENT_FAILURE, Reason.CONSENT]


def test_of_several_tokens_the_one_that_it_was_sent_to_counts(here):
    others = f"References: {permit_of(here, BO).message_id}"

    deliver(here, bounce("5.1.1", ANNA, to=permit_of(here, ANNA).return_path, returned=others))

    assert reasons(here, ANNA, BO) == [Reason.PERMANENT_FAILURE, Reason.CONSENT]


def test_what_a_colleague_forwarded_and_came_back_says_nothing_of_the_recipient(here):
    permit = permit_of(here, ANNA)
    thread = f"In-Reply-To: {permit.message_id}\r\nReferences: {permit.message_id} <1@phone.example>"
    own = thread + "\r\nMessage-ID: <2@pc.example.com>"
    quoting = bounce("5.1.1", "supplier@dead.example", returned=own, note="1")
    answering = bounce("5.1.1", "supplier@dead.example", note="2").replace(
        b"MIME-Version", f"References: {permit.message_id} <2@pc.example.com>\r\nMIME-Version".encode()
    )
    in_words = (
        "From: MAILER-DAEMON@mx.example.net\r\nTo: contact@example.com\r\nSubject: failure notice\r\n\r\n"
        "Hi. This is the qmail-send program at mx.example.net.\r\n\r\n<supplier@dead.example>:\r\n"
        "550 5.1.1 no such user\r\n\r\n--- Below this line is a copy of the message.\r\n\r\n"
        f"Return-Path: <contact@example.com>\r\n{own}\r\nSubject: Fwd: News\r\n\r\n"
        f"Anna writes:\r\n> Stop this: {permit.unsubscribe_url} {permit.return_path}\r\n"
    ).encode()

    for proof in (Proof.RETURN_PATH, Proof.LINK):
        deliver(here, quoting, answering, in_words, reports=Reports(bounces=proof))

    assert [label for label, _ in states(here)] == ["bounce_hard"] * 6
    assert failures(here, ANNA) == ""
    deliver(here, in_words.replace(b"<contact@example.com>", f"<{permit.return_path}>".encode()))
    assert failures(here, ANNA) == "F", "the same, but of our own mail"


def test_a_service_that_tells_of_it_in_json_names_the_return_path(here):
    told = {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bouncedRecipients": [{"emailAddress": ANNA, "action": "failed", "status": "5.1.1"}],
        },
        "mail": {"source": permit_of(here, ANNA).return_path, "headers": [{"name": "Subject", "value": "News"}]},
    }
    head = "From: no-reply@sns.amazonaws.com\r\nTo: contact@example.com\r\nSubject: Notification\r\n"

    deliver(here, f"{head}\r\n{json.dumps(told)}\r\n".encode())

    assert reasons(here, ANNA) == [Reason.PERMANENT_FAILURE]


def test_a_server_that_returns_nothing_may_name_the_mail_it_answers(here):
    answering = f"References: <0@example.com> {permit_of(here, ANNA).message_id}\r\nMIME-Version"

    deliver(here, bounce("5.1.1", ANNA).replace(b"MIME-Version", answering.encode()))

    assert reasons(here, ANNA) == [Reason.PERMANENT_FAILURE]


AWAY = "Your message was not delivered to my inbox, as I am away. The user unknown filter is on."


@pytest.mark.parametrize(
    ("sender", "path", "to", "field", "text"),
    [
        (ANNA, "", "contact@example.com", "Auto-Submitted: auto-replied", AWAY),
        (ANNA, "", "", "Auto-Submitted: auto-replied", AWAY),
        (ANNA, "", "contact@example.com", "X-Loop: 1", AWAY),
        ("Mail Delivery Service <anna@elsewhere.example>", "anna@elsewhere.example", "contact@example.com", "X-Loop: 1",
         "Our user Anna does not exist any more."),
    ],
    ids=["a notice of absence", "one to the return path", "one that does not say so", "a company"],
)  # fmt: skip
def test_an_answer_to_our_mail_ends_no_address_by_what_it_sounds_like(here, sender, path, to, field, text):
    permit = permit_of(here, ANNA)
    mail = (
        f"Return-Path: <{path}>\r\nFrom: {sender}\r\nTo: {to or permit.return_path}\r\nSubject: Re: News\r\n"
        f"In-Reply-To: {permit.message_id}\r\nReferences: {permit.message_id}\r\n{field}\r\n\r\n{text}\r\n"
    )

    deliver(here, mail.encode())

    assert (failures(here, ANNA), reasons(here, ANNA)) == ("", [Reason.CONSENT])


def test_a_company_that_is_called_a_mail_service_withdraws_and_loses_no_invoice(here):
    mail = f"From: Mail Delivery Service GmbH <{ANNA}>\r\nTo: contact@example.com\r\nReturn-Path: <{ANNA}>\r\n"
    answer = f"Subject: Re: News\r\nIn-Reply-To: {permit_of(here, ANNA).message_id}\r\n"

    deliver(here, f"{mail}{answer}\r\nPlease unsubscribe anna, this address no longer exists.\r\n".encode())

    assert reasons(here, ANNA, BO) == [Reason.WITHDRAWN, Reason.CONSENT]
    assert reasons(here, ANNA, topic="orders") == [Reason.TRANSACTIONAL]


def forged(here, how):
    """A bounce about Anna, of somebody who has this of her mail."""
    permit = permit_of(here, ANNA)
    if how == "nothing":
        return bounce("5.1.1", ANNA, note="0")
    if how == "a link":
        return bounce("5.1.1", ANNA, returned=f"List-Unsubscribe: <{permit.unsubscribe_url}>", note="1")
    if how == "a link as return path":
        token = permit.unsubscribe_url.rpartition("/")[2]
        return bounce("5.1.1", ANNA, returned=f"Return-Path: <u+{token}@example.com>", note="2")
    return bounce("5.1.1", ANNA, to=permit_of(here, ANNA, now=SENT - 70 * DAY).return_path, note="3")


FORGED = ("nothing", "a link", "a link as return path", "an old mail")


def test_a_forged_bounce_ends_nothing(here):
    deliver(here, *(forged(here, how) for how in FORGED))

    assert reasons(here, ANNA) == [Reason.CONSENT]
    assert failures(here, ANNA) == ""
    assert states(here) == [("bounce_hard", "done")] * 4
    assert rows(here, "select count(*) from inbound_messages where raw is not null") == [(0,)]


@pytest.mark.parametrize(
    ("proof", "believed"), [(Proof.LINK, FORGED[1:]), (Proof.ADDRESS, FORGED)], ids=["link", "address"]
)
def test_the_policy_can_do_with_less_proof(here, proof, believed):
    for how in FORGED:
        before = len(told_of(here, ANNA))
        deliver(here, forged(here, how), reports=Reports(bounces=proof))
        added = told_of(here, ANNA)[before:]
        assert [event.kind for event in added] == ([KINDS["F"]] if how in believed else []), how
        for event in added:
            with here.store.begin() as tx:
                release(tx, EventId(lock_address(tx, ANNA).id, event.seq), receipt(Channel.OPERATOR), "forged")


def test_what_cannot_be_taken_back_takes_the_full_proof(here):
    link = f"List-Unsubscribe: <{permit_of(here, ANNA).unsubscribe_url}>"

    deliver(here, bounce("5.7.17", ANNA, returned=link), reports=Reports(bounces=Proof.ADDRESS))

    assert failures(here, ANNA) == "F"


def test_a_report_that_proves_nothing_makes_nobody_known(here):
    deliver(here, bounce("5.1.1", "cecilia@example.org"), reports=Reports(bounces=Proof.ADDRESS))

    assert rows(here, "select count(*) from recipients") == [(2,)]


def test_what_is_no_address_in_a_report_keeps_nobody_else_in_it_from_failing(here):
    other = b"Final-Recipient: rfc822; x@.\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\nFinal-Recipient"

    mail = bounce("5.1.1", ANNA).replace(b"Final-Recipient", other, 1)
    deliver(here, mail, reports=Reports(bounces=Proof.ADDRESS))

    assert failures(here, ANNA) == "F"
    assert states(here) == [("bounce_hard", "done")]


def test_who_was_erased_wholly_is_not_known_again_by_a_bounce(here):
    to = permit_of(here, ANNA).return_path
    with here.store.begin() as tx:
        erase(tx, ANNA, replace(receipt(), evidence=Evidence()), digest=True, told=True)

    deliver(here, bounce("5.1.1", ANNA, to=to))

    assert rows(here, "select count(*) from recipients") == [(1,)]
    assert states(here) == [("bounce_hard", "done")]


def test_a_new_owner_is_not_mailed_on_the_ground_of_the_old_one(here):
    deliver(here, bounce("5.7.17", ANNA, to=permit_of(here, ANNA).return_path))
    with here.store.begin() as tx:
        person = lock_address(tx, ANNA)
        lifted = receipt(Channel.OPERATOR).event(EventKind.RELEASED, ALL_TOPICS, ends=person.events[-1].seq)
        append(tx, person, lifted, receipt().evidence)

    assert reasons(here, ANNA) == [Reason.NO_LEGAL_BASIS]


def test_a_confirmed_consent_makes_the_address_work_again_until_it_fails_anew(here):
    to = permit_of(here, ANNA).return_path
    deliver(here, bounce("5.1.1", ANNA, to=to))
    with here.store.begin() as tx:
        person = lock_address(tx, ANNA)
        confirmed = receipt(Channel.PAGE, minutes=2 * 24 * 60).event(EventKind.CONSENT_GIVEN, 1, grade=Grade.A)
        append(tx, person, confirmed, receipt().evidence)
    assert reasons(here, ANNA) == [Reason.CONSENT]

    deliver(here, bounce("5.1.1", ANNA, to=to, note="late"), at=SENT + DAY, now=SENT + 3 * DAY)
    assert reasons(here, ANNA) == [Reason.CONSENT], "that was before"
    deliver(here, bounce("5.1.1", ANNA, to=to, note="anew"), at=SENT + 4 * DAY)
    assert reasons(here, ANNA) == [Reason.PERMANENT_FAILURE]


def test_a_bounce_that_adds_nothing_is_not_marked_as_handled_but_a_request_made_again_is(here):
    to = permit_of(here, ANNA).return_path

    deliver(here, *(bounce("5.1.1", ANNA, to=to, note=note) for note in ("first", "again")), marks=True)
    deliver(here, *(mail(BO, "Unsubscribe", number=number) for number in (1, 2)), marks=True)

    assert to_be_marked(here) == [True, False, True, True]


def test_a_return_path_says_whose_mail_it_was_and_when_and_unsubscribes_nobody(here):
    permit = permit_of(here, ANNA)
    token = permit.return_path.partition("+")[2].partition("@")[0]

    claim = here.store.keyring.read_mailed(token)

    assert isinstance(claim, ReturnClaim)
    assert claim.sent_on == SENT.date()
    assert token in permit.message_id
    link = here.store.keyring.read_mailed(permit.unsubscribe_url.rpartition("/")[2])
    assert link == UnsubscribeClaim(
        digest=claim.digest, generation=1, topic=here.rules.policy.topic("blog").number, basis=LegalBasis.CONSENT
    )
    assert permit_of(here, ANNA).message_id != permit.message_id, "of two mails on one day"
