"""Several mailboxes in one worker: each is read on its own, and what is wrong with one holds up no other."""

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from mailconsent import logs
from mailconsent.model import Reason
from mailconsent.services.installation import Installation
from tests.doors.mails import mail
from tests.doors.working import working
from tests.houses import PASSWORD, House, ask, build, events, inbox_settings, rows, until
from tests.real.authorization import CLIENT, SECRET, Authorization
from tests.real.dovecot import Dovecot


def url(user: str, port: int, folder: str = "INBOX") -> str:
    return f"imap://{quote(user, safe='')}@127.0.0.1:{port}/{folder}"


def read(here: Installation) -> int:
    return len(rows(here, "select uid from inbound_messages"))


def test_all_are_read_at_once_and_each_has_its_own_cursor(house: House, dovecot: Dovecot) -> None:
    anna, bo = dovecot.new_user(), dovecot.new_user()
    for user, folder, sender in ((anna, "INBOX", "a"), (anna, "Lists", "b"), (bo, "INBOX", "c")):
        dovecot.append(user, [mail(f"{sender}@example.com", "Unsubscribe")], mailbox=folder)
    urls = "\n".join([url(anna, dovecot.port), url(anna, dovecot.port, "Lists"), url(bo, dovecot.port)])

    with replace(house, environ=inbox_settings(urls)).opened() as here, working(here):
        until(lambda: read(here) == 3)
        # The same request in another mailbox is a copy.
        dovecot.append(bo, [mail("a@example.com", "Unsubscribe")])
        until(lambda: read(here) == 4)

        decisions = ask(here, "a@example.com", "b@example.com", "c@example.com")
        assert [decision.reason for decision in decisions] == [Reason.WITHDRAWN] * 3
        assert [len(each) for each in events(here).values()] == [1, 1, 1]
        assert rows(here, "select count(*) from inbound_messages where copy") == [(1,)]


def test_a_mailbox_that_refuses_us_holds_up_no_other_and_is_told_by_its_place(
    tmp_path: Path, dovecot: Dovecot, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure()  # to where standard error leads now
    anna, bo = dovecot.new_user(), dovecot.new_user()
    dovecot.append(bo, [mail("c@example.com", "Unsubscribe")])
    urls = f"{url(anna, dovecot.port)} {url(bo, dovecot.port)}"
    settings = inbox_settings(urls) | {"MAILCONSENT_IMAP_PASSWORD": f"wrong\n{PASSWORD}"}

    with build(tmp_path, f"sqlite:///{tmp_path}/m.db", settings).opened() as here, working(here) as worker:
        until(lambda: read(here) == 1)
        until(lambda: worker.readers[0].failures, "the server to refuse")

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    told = {(line["event"], line.get("mailbox")) for line in lines}
    assert {("worker pauses", 1), ("messages read", 2)} <= told
    assert not [line for line in lines if anna in str(line) or bo in str(line)]


def test_mailboxes_are_read_with_access_tokens_of_one_grant(tmp_path: Path) -> None:
    authorization = Authorization()
    dovecot = Dovecot(introspection_url=f"{authorization.url}/introspect")
    try:
        authorization.user = dovecot.new_user()
        for folder in ("INBOX", "Lists"):
            dovecot.append(authorization.user, [mail(f"{folder}@example.com", "Unsubscribe")], mailbox=folder)
        urls = " ".join(url(authorization.user, dovecot.port, folder) for folder in ("INBOX", "Lists"))
        oauth = {
            "IMAP_OAUTH_PROVIDER": authorization.token_endpoint,
            "IMAP_OAUTH_CLIENT_ID": CLIENT,
            "IMAP_OAUTH_CLIENT_SECRET": SECRET,
            "IMAP_OAUTH_REFRESH_TOKEN": "refresh-1",
        }
        settings = inbox_settings(urls, **oauth)
        del settings["MAILCONSENT_IMAP_PASSWORD"]

        with build(tmp_path, f"sqlite:///{tmp_path}/m.db", settings).opened() as here, working(here):
            until(lambda: read(here) == 2)

        assert len(authorization.forms) == 1
    finally:
        dovecot.stop()
        authorization.stop()
