"""What servers, providers and ticket systems write, and people's mail that looks like it: `vectors/machines`."""

import tomllib
from pathlib import Path

import pytest

from mailconsent.classify import classify
from mailconsent.errors import InvalidToken
from mailconsent.message import parse_message
from mailconsent.model import Label

FOLDER = Path(__file__).parent.parent / "vectors" / "machines"
TABLES = {file.stem: tomllib.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.toml"))}
#: Written without a look at what was known then; of all kinds.
UNSEEN = [name for name, table in TABLES.items() if name.startswith("unseen_") and "mail" in table]
LANGUAGES = TABLES["auto_replies"]["languages"]
ABOUT = (Label.BOUNCE_HARD, Label.BOUNCE_SOFT, Label.BOUNCE_UNKNOWN, Label.COMPLAINT)


def no_token(_text):
    raise InvalidToken


def written(mail):
    """The message of a vector, as far as it does not give it whole."""
    if "raw" in mail:
        return mail["raw"]
    path = [f"Return-Path: <{mail['path']}>"] if "path" in mail else []
    fields = [mail["fields"]] if "fields" in mail else []
    kind = "text/html" if "html" in mail else "text/plain"
    parts = [f"Content-Type: {kind}; charset=utf-8\n\n{mail.get('html', mail.get('text', '')).strip()}"]
    if "report" in mail:
        kind = mail.get("report_type", "message/delivery-status")
        parts.append(f"Content-Type: {kind}\n\n{mail['report'].strip()}\n")
    if "original" in mail:
        parts.append(f"Content-Type: message/rfc822\n\n{mail['original']}\n\nNews")
    body = parts[0]
    if len(parts) > 1:
        kind = "report; report-type=delivery-status" if "report" in mail else "mixed"
        body = "".join(f"--_b\n{part}\n" for part in parts)
        body = f"Content-Type: multipart/{kind}; boundary=_b\n\n{body}--_b--"
    header = [
        *path,
        f"From: {mail.get('from', 'anna@example.com')}",
        "To: shop@shop.example",
        f"Subject: {mail['subject']}",
        *fields,
        "MIME-Version: 1.0",
    ]
    return "\n".join([*header, body])


def judged(mail):
    return classify(parse_message(written(mail).strip().encode("utf-8")), no_token)


def named(mail):
    return f"{mail['family']}: {mail['why']}"


def mails(*names):
    return [mail for name in names for mail in TABLES[name]["mail"]]


@pytest.mark.parametrize("mail", mails("bounces", "gateways", "reports", "complaints", *UNSEEN), ids=named)
def test_what_a_machine_sends_is_told_by_its_form(mail):
    found = judged(mail)

    assert found.label == mail["label"], found
    if mail["label"] in ABOUT:
        assert found.addresses == tuple(mail.get("addresses", ["anna@example.com"])), found


@pytest.mark.parametrize("mail", mails("auto_replies"), ids=named)
def test_what_a_program_answers_is_automatic(mail):
    assert judged(mail).label == Label.AUTO_REPLY


@pytest.mark.parametrize("mail", mails("people"), ids=named)
def test_what_a_person_writes_is_read_as_a_person_s(mail):
    found = judged(mail)

    assert found.label == mail["label"], found


@pytest.mark.parametrize("label", ABOUT[:3])
@pytest.mark.parametrize("told", ["in prose", "in a report"])
def test_an_answer_of_a_server_counts_for_what_it_says(label, told):
    found = {answer: judged(returned(answer, told)) for answer in TABLES["answers"][label.removeprefix("bounce_")]}

    assert [answer for answer, verdict in found.items() if verdict.label != label] == []
    assert {verdict.addresses for verdict in found.values()} == {("anna@example.com",)}


def returned(answer, told):
    """A bounce with that answer of a server, whose own server told no more than that it failed."""
    daemon = {"from": "MAILER-DAEMON@mx.example.net", "subject": "Undelivered Mail Returned to Sender"}
    if told == "in prose":
        where = "host mx1.example.com[192.0.2.10] said"
        return {**daemon, "text": f"<anna@example.com>: {where}: {answer} (in reply to RCPT TO command)"}
    status = "4.0.0" if answer.startswith("4") else "5.0.0"
    fields = f"Action: failed\nStatus: {status}\nDiagnostic-Code: smtp; {answer}"
    return {**daemon, "report": f"Final-Recipient: rfc822; anna@example.com\n{fields}"}


def taken_otherwise(label, subject, texts):
    """The texts, under a subject or as one, that are taken for something else."""
    mails = [{"subject": subject or text, "text": text if subject else "Anna"} for text in texts]
    return [mail for mail in mails if judged(mail).label != label]


@pytest.mark.parametrize("language", LANGUAGES)
def test_absence_notices_and_acknowledgements_are_known_in_all_languages(language):
    said = LANGUAGES[language]

    assert taken_otherwise(Label.AUTO_REPLY, "", said["subjects"]) == []
    assert taken_otherwise(Label.AUTO_REPLY, "Re: News", said["texts"] + said.get("acknowledgements", [])) == []


@pytest.mark.parametrize("language", [name for name, said in LANGUAGES.items() if "people" in said])
def test_thanks_alone_are_those_of_a_person_in_all_languages(language):
    assert taken_otherwise(Label.OTHER, "Re: News", LANGUAGES[language]["people"]) == []


@pytest.mark.parametrize(("kind", "label"), [("automatic", Label.AUTO_REPLY), ("people", Label.OTHER)])
def test_who_speaks_in_a_short_mail_is_told_by_what_it_says(kind, label):
    mails = [{"subject": subject, "text": text} for _language, subject, text in TABLES["unseen_short"][kind]]

    assert [mail for mail in mails if judged(mail).label != label] == []
