"""Which requests are answered, with what, and that an answer never keeps a request back. On both databases."""

import email
import email.policy
import re
import threading
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from mailconsent.mailbox import Fetched
from mailconsent.model import Channel, LegalBasis, Reason, UnsubscribeClaim
from mailconsent.services.inbox import Answers, acknowledging, answers_of, judge, process
from mailconsent.services.undoing import undo
from mailconsent.store.mailboxes import note_sweep, read_cursor, take_lease
from mailconsent.store.outbox import LetterState, end_letter, take_letter
from mailconsent.store.recipients import describe, lock_address
from tests.cast import ANNA, BO, NOW, receipt
from tests.doors.mails import mail
from tests.houses import PATIENCE, ask, build, consent, rows, token_for

LEASE = timedelta(minutes=5)
DAY = timedelta(days=1)
LINK = "/r/"


def written(sender, subject="Unsubscribe", text="", *, path=None, number=1, **fields):
    """A mail that a mail server delivered, and wrote its return path down."""
    return mail(sender, subject, text, number, Return_Path=f"<{sender if path is None else path}>", **fields)


def deliver(here, raw, *, now=NOW, received=None, uid=1, swept=True, ours=("contact@example.com",), box="box"):
    """A mail, as the worker reads it from its mailbox."""
    answers = Answers(rules=here.rules, ours=frozenset(ours))
    judged = judge(Fetched(uid=uid, raw=raw, received_at=received or now), here.store.keyring.read_mailed)
    with here.store.begin() as tx:
        take_lease(tx, box, "worker", now=now, lease=LEASE)
        if swept:
            note_sweep(tx, box, 7, now=now)
        process(tx, read_cursor(tx, box, 7), "worker", [judged], now=now, lease=LEASE, answers=answers)


def letters(here, *, now=NOW):
    """What waits to be sent, to whom."""
    found = []
    with here.store.begin() as tx:
        while letter := take_letter(tx, "test", now=now, lease=DAY):
            end_letter(tx, letter, "test", LetterState.SENT, None)
            found.append((letter.address, email.message_from_bytes(letter.raw, policy=email.policy.default)))
    return found


def recipients(here):
    return [address for address, _ in letters(here)]


def no_answer_but_an_effect(here, address=ANNA):
    return recipients(here) == [] and ask(here, address)[0].reason is Reason.WITHDRAWN


def test_the_answer_waits_from_the_transaction_of_the_request_on(installation):
    consent(installation, ANNA)

    deliver(installation, written(ANNA))

    ((address, message),) = letters(installation)
    assert address == ANNA
    assert message["To"] == ANNA
    assert message["In-Reply-To"] == f"<1.{ANNA}>"
    assert message["Message-ID"] == rows(installation, "select '<answer.' || id || '@example.com>' from outbox")[0][0]
    assert LINK in message.get_content()


def test_to_one_address_one_a_week_whatever_comes_from_it(installation):
    token = token_for_one(installation)
    deliver(installation, written(ANNA))
    assert recipients(installation) == [ANNA]

    deliver(installation, written(ANNA, token, number=2), now=NOW + DAY, uid=2)
    deliver(installation, written(ANNA.upper(), number=3), now=NOW + 6 * DAY, uid=3)
    assert recipients(installation) == []

    deliver(installation, written(ANNA, number=4), now=NOW + 7 * DAY, uid=4)
    assert len(letters(installation, now=NOW + 7 * DAY)) == 1


def test_tagged_forms_of_one_address_count_together(installation):
    deliver(installation, written("anna+one@example.com"))
    deliver(installation, written("anna+two@example.com", number=2), uid=2)
    deliver(installation, written(ANNA, number=3), uid=3)
    deliver(installation, written("annabel@example.com", number=4), uid=4)

    assert recipients(installation) == ["anna+one@example.com", "annabel@example.com"]


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_of_two_forms_of_one_address_that_ask_at_once_one_is_answered(installation):
    """Each in a mailbox of its own, where another worker reads it."""
    forms = ["anna+one@example.com", "anna+two@example.com"]
    consent(installation, *forms)
    both = threading.Barrier(2, timeout=PATIENCE)

    def read_mail(form):
        both.wait()
        deliver(installation, written(form), box=form)

    people = [threading.Thread(target=read_mail, args=(form,)) for form in forms]
    for person in people:
        person.start()
    for person in people:
        person.join(PATIENCE)

    assert [decision.reason for decision in ask(installation, *forms)] == [Reason.WITHDRAWN] * 2
    assert len(recipients(installation)) == 1


def test_every_address_that_mail_comes_to_is_one_of_our_own(tmp_path):
    named = {"MAILTO": "u@one.example", "RETURN_PATH": "back@two.example", "SMTP_SENDER": "out@three.example"}
    inbox = {"IMAP_URL": "imaps://box%40four.example@imap.four.example", "IMAP_PASSWORD": "p"}
    environ = {"SMTP_URL": "smtp://127.0.0.1:1", **inbox, **named}
    settings = {f"MAILCONSENT_{name}": value for name, value in environ.items()}

    with build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db", settings).opened() as here:
        ours = answers_of(here.settings, here.rules).ours

        assert ours == {*named.values(), "box@four.example", here.rules.policy.controller.contact}


@pytest.mark.parametrize("field", ["In_Reply_To", "References"])
def test_what_answers_an_answer_of_ours_is_not_answered_whoever_it_comes_from(installation, field):
    deliver(installation, written(BO))
    ((_, message),) = letters(installation)

    deliver(installation, written(ANNA, "Unsubscribe", number=2, **{field: f"<1@x> {message['Message-ID']}"}), uid=2)

    assert no_answer_but_an_effect(installation)


def token_for_one(here):
    consent(here, BO)
    return token_for(here, BO)


@pytest.mark.parametrize(
    ("why", "more"),
    [
        ("a first sweep", {"swept": False}),
        ("older than a weekend", {"received": NOW - timedelta(days=3)}),
        ("one of our own addresses", {"ours": (ANNA,)}),
    ],
)
def test_a_request_counts_and_is_not_answered(installation, why, more):
    deliver(installation, written(ANNA), **more)

    assert no_answer_but_an_effect(installation), why


@pytest.mark.parametrize(
    ("reason", "raw"),
    [
        ("null_return_path", written(ANNA, path="")),
        ("other_return_path", written(ANNA, path=BO)),
        ("no_return_path", mail(ANNA, "Unsubscribe")),
        ("list", written(ANNA, List_Id="<staff.example.com>")),
        ("list", written(ANNA, Precedence="bulk")),
    ],
)
def test_what_may_not_be_answered_counts_all_the_same_and_the_log_says_why(installation, reason, raw):
    with capture_logs() as said:
        deliver(installation, raw)

    assert no_answer_but_an_effect(installation)
    assert [line["reason"] for line in said if line["event"] == "request not answered"] == [reason]


def test_a_link_of_ours_in_a_machines_mail_counts_and_is_not_answered(installation):
    token = token_for_one(installation)

    deliver(installation, written(ANNA, token, Auto_Submitted="auto-generated"))

    assert no_answer_but_an_effect(installation, BO)


def test_who_uses_somebody_elses_link_is_told_of_both_and_undoes_their_own_alone(installation):
    token = token_for_one(installation)
    consent(installation, ANNA)

    deliver(installation, written(ANNA, token))

    ((address, message),) = letters(installation)
    assert address == ANNA
    assert "“Blog newsletter” to this address" in message.get_content()
    assert "to the address that your link belongs to" in message.get_content()
    assert BO not in message.as_string()
    link = re.search(r"/r/(\w+)", message.get_content())
    claim = installation.store.keyring.read_undo(link[1], now=NOW)
    with installation.store.begin() as tx:
        undo(tx, claim, receipt(Channel.PAGE, confirm_method="POST"))
    assert [decision.allowed for decision in ask(installation, ANNA, BO)] == [True, False]


def test_who_repeats_what_stands_is_given_no_link_to_undo_it(installation):
    deliver(installation, written(ANNA), now=NOW - 8 * DAY)
    letters(installation)

    deliver(installation, written(ANNA, number=2), uid=2)

    ((address, message),) = letters(installation)
    assert address == ANNA
    assert LINK not in message.get_content()


def test_a_link_used_by_its_own_owner_is_one_withdrawal(installation):
    token = token_for_one(installation)

    deliver(installation, written(BO.upper(), token))

    assert rows(installation, "select count(*) from events where kind = 'withdrawn'") == [(1,)]
    assert "link belongs to" not in letters(installation)[0][1].get_content()


def test_a_link_of_a_soft_opt_in_mail_bars_its_owner_and_withdraws_all_of_another_writer(installation):
    claim = UnsubscribeClaim(digest=b"bo".ljust(16), generation=1, topic=2, basis=LegalBasis.SOFT_OPT_IN)
    token = installation.store.keyring.signer(1).sign(claim)

    deliver(installation, written(ANNA, token))

    kinds = "select kind, topic from events order by kind"
    assert rows(installation, kinds) == [("refused", 2), ("withdrawn", 0)], "what a forged From did can be undone whole"
    said = letters(installation)[0][1].get_content()
    assert "all our marketing mail to this address" in said
    assert "that you signed up for" not in said


@pytest.mark.parametrize("sender", ["", "@example.com", f"{ANNA}, {BO}"])
def test_a_link_counts_whoever_wrote(installation, sender):
    token = token_for_one(installation)
    raw = written(ANNA, token).replace(f"From: {ANNA}".encode(), f"From: {sender}".encode())

    deliver(installation, raw)

    assert no_answer_but_an_effect(installation, BO)
    assert rows(installation, "select count(*) from recipients") == [(1,)]


def test_an_answer_that_cannot_be_made_keeps_no_request_back(installation, monkeypatch):
    def broken(*_args, **_named):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(acknowledging, "compose", broken)

    deliver(installation, written(ANNA))

    assert no_answer_but_an_effect(installation)


def test_an_address_that_mail_cannot_go_to_is_not_answered(installation):
    strange = "anna..smith@example.com"
    deliver(installation, written(strange))

    assert no_answer_but_an_effect(installation, strange)


def test_a_domain_in_other_letters_is_written_as_every_server_knows_it(installation):
    deliver(installation, written("anna@bücher.example", path="anna@xn--bcher-kva.example"))

    ((address, message),) = letters(installation)
    assert address == "anna@xn--bcher-kva.example"
    assert message.as_bytes().isascii()


def test_the_language_that_is_known_of_a_person_is_theirs_where_the_mail_tells_none(installation):
    with installation.store.begin() as tx:
        describe(tx, lock_address(tx, ANNA), language="da")
    token = token_for_one(installation)

    deliver(installation, written(ANNA, token))

    assert letters(installation)[0][1]["Content-Language"] == "da"
