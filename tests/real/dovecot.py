"""Dovecot, as an IMAP server that knows every user and one password."""

import contextlib
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from imapclient import IMAPClient

from tests.real.dovecot_config import OAUTH_FILE_AS_OF_2_3, configuration, give_to_mail_owner
from tests.real.ports import free_port, wait_for_port
from tests.real.programs import program

PASSWORD = "secret"


class StoredMessage(NamedTuple):
    """A message as it lies in a mailbox. Two equal lists of them mean: nobody touched anything."""

    uid: int
    #: Without \\Recent, which the server itself takes away.
    flags: frozenset[bytes]
    raw: bytes
    #: Aware.
    received_at: datetime


class Dovecot:
    """
    Any user name is a user, so each test takes its own. Plain on `port`, TLS on `tls_port` with `certificate`.

    With an `introspection_url` of an authorization server, it also takes that server's access tokens.
    """

    def __init__(self, introspection_url: str = "") -> None:
        self._introspection_url = introspection_url
        self._program = program("dovecot", package="dovecot-imapd")
        self._doveadm = program("doveadm", package="dovecot-imapd")
        self._dir = Path(tempfile.mkdtemp(prefix="mailconsent-dovecot-"))
        self.port, self.tls_port = free_port(), free_port()
        #: PEM; it is its own authority, valid for `localhost` and `127.0.0.1`. SSL_CERT_FILE may name it.
        self.certificate = self._dir / "certificate.pem"
        try:
            self._prepare()
            self._start()
        except BaseException:
            shutil.rmtree(self._dir, ignore_errors=True)
            raise

    def _prepare(self) -> None:
        for name in ("run", "state", "mail"):
            (self._dir / name).mkdir()
        give_to_mail_owner(self._dir)
        make_certificate(self.certificate, self._dir / "key.pem")
        answer = subprocess.run([self._program, "--version"], check=True, capture_output=True, text=True)
        url = self._introspection_url
        (self._dir / "oauth2.conf").write_text(OAUTH_FILE_AS_OF_2_3.format(introspection_url=url))
        text = configuration(
            answer.stdout, directory=self._dir, port=self.port, tls_port=self.tls_port, introspection_url=url
        )
        (self._dir / "dovecot.conf").write_text(text)

    def _start(self) -> None:
        command = [str(self._program), "-F", "-c", str(self._dir / "dovecot.conf")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for port in (self.port, self.tls_port):
                wait_for_port(port, process=self._process, log=self._dir / "log")
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End the server and remove its files."""
        self._end()
        shutil.rmtree(self._dir, ignore_errors=True)

    def restart(self) -> None:
        """End every session and start again, on the same ports with the same mail."""
        self._end()
        self._start()

    def kick(self, user: str) -> None:
        """End a user's sessions, as an administrator would: they are told BYE first."""
        subprocess.run(
            [self._doveadm, "-c", self._dir / "dovecot.conf", "kick", user], check=False, capture_output=True
        )

    def new_user(self) -> str:
        """The address of somebody whom no other test knows, with an empty INBOX."""
        return f"anna-{secrets.token_hex(4)}@example.com"

    @contextlib.contextmanager
    def session(self, user: str, mailbox: str = "INBOX", *, readonly: bool = False) -> Iterator[IMAPClient]:
        """What a human's mail program would do to the mailbox, while a test looks on."""
        with IMAPClient("127.0.0.1", self.port, ssl=False, timeout=30) as client:
            client.normalise_times = False
            client.login(user, PASSWORD)
            if not client.folder_exists(mailbox):
                client.create_folder(mailbox)
            client.select_folder(mailbox, readonly=readonly)
            yield client

    def append(
        self,
        user: str,
        messages: Iterable[bytes],
        mailbox: str = "INBOX",
        flags: Iterable[str] = (),
        received_at: datetime | None = None,
    ) -> None:
        """Put messages into a mailbox, all or none; the mailbox is made if it is missing. Lines must end in CRLF."""
        attributes: dict[str, object] = {"flags": tuple(flags)}
        if received_at is not None:
            attributes["date"] = received_at
        with self.session(user, mailbox) as client:
            # MULTIAPPEND (RFC 3502), since one APPEND for each of 2000 messages takes seconds.
            status, _ = client.multiappend(mailbox, [{"msg": message, **attributes} for message in messages])
        if status != "OK":
            raise RuntimeError("Dovecot refused the messages")

    def state(self, user: str, mailbox: str = "INBOX") -> list[StoredMessage]:
        """What lies in the mailbox, by UID; looking changes nothing."""
        with self.session(user, mailbox, readonly=True) as client:
            found = client.fetch(client.search(), ["FLAGS", "INTERNALDATE", "BODY.PEEK[]"])
        return [
            StoredMessage(uid, frozenset(data[b"FLAGS"]) - {b"\\Recent"}, data[b"BODY[]"] or b"", data[b"INTERNALDATE"])
            for uid, data in sorted(found.items())
        ]

    def expunge(self, user: str, uids: Iterable[int], mailbox: str = "INBOX") -> None:
        """Remove messages for good."""
        with self.session(user, mailbox) as client:
            client.delete_messages(list(uids))
            client.expunge()

    def withhold(self, user: str, subject: str) -> None:
        """The server goes on naming the messages of this subject and cannot hand them out, as with a broken disk."""
        for path in (self._dir / "mail" / user).glob("[nc][eu][wr]/*"):
            if f"Subject: {subject}".encode() in path.read_bytes():
                path.chmod(0)

    def change_uidvalidity(self, user: str) -> None:
        """
        Give the user's INBOX a new UIDVALIDITY with the same messages under it, as a restore from backup does.

        Sessions that have it open are ended. Flags stay, since a maildir keeps them in its file names.
        """
        self.kick(user)
        maildir = self._dir / "mail" / user
        for path in [*maildir.glob("dovecot-uidlist*"), *maildir.glob("dovecot.index*")]:
            path.unlink()


def make_certificate(certificate: Path, key: Path) -> None:
    """A certificate that is its own authority, and its key, as PEM files."""
    openssl = program("openssl", package="openssl")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        [str(openssl), "req", "-x509", *kind, "-days", "2", "-subj", "/CN=localhost", "-addext", names, *files],
        check=True,
        stderr=subprocess.DEVNULL,
    )
