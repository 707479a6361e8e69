"""
The main job as a story, on embedded defaults: SQLite, an IMAP server out of a package, the real web application and the
real worker, over real HTTP and real IMAP. Everything lives in a folder of its own and goes with it.
"""

import contextlib
import imaplib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from mailconsent.client import Answer, Client
from mailconsent.errors import Refused, ServiceUnavailable

INBOX_USER, INBOX_PASSWORD = "contact", "demo-password"
#: The policy of the first user, whose story this is.
POLICY = Path(__file__).parent.parent / "policy.toml"
#: Seconds after which the demo gives up on something that should happen within two.
PATIENCE = 30.0

UNSUBSCRIBE = """\
From: Bo <bo@example.net>
To: contact@example.com
Subject: Unsubscribe
Date: Mon, 02 Mar 2026 10:00:00 +0100
Message-ID: <demo-1@example.net>

Hello, please take me off your list.

Bo
"""
QUESTION = """\
From: Cecilia <cecilia@example.org>
To: contact@example.com
Subject: Re: New scanners in stock
Date: Mon, 02 Mar 2026 10:05:00 +0100
Message-ID: <demo-2@example.org>

Is the second one still available? We would take it.

> You get this mail because you asked for it. Unsubscribe: https://example.com/
"""
ABSENT = """\
From: Cecilia <cecilia@example.org>
To: contact@example.com
Subject: Out of office: New scanners in stock
Date: Mon, 02 Mar 2026 10:06:00 +0100
Message-ID: <demo-3@example.org>
Auto-Submitted: auto-replied

I am back on Monday.
"""


class Disappointed(Exception):
    """A step of the story did not go as it should."""


def run(*, once: bool, port: int) -> int:
    """Tell the story, and stay up afterwards unless `once`; the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="mailconsent-demo-") as folder:
        stage = Stage(Path(folder), 0 if once else port)
        try:
            with stage.up():
                tell(stage)
                if not once:
                    click.echo("\nPress Ctrl-C to end.")
                    # In short waits: a signal that comes just before one is seen only when it is over.
                    while True:
                        time.sleep(1)
        except KeyboardInterrupt:
            click.echo("\nStopped.")
        except (Disappointed, Refused, ServiceUnavailable, OSError, imaplib.IMAP4.error) as fault:
            click.echo(f"\nThe demo failed: {fault}", err=True)
            for name, text in stage.logs():
                click.echo(f"--- {name}\n{text}", err=True)
            return 1
    return 0


class Stage:
    """The three processes of the demo, in a folder of their own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.imap_port = _free_port()
        self.base_url = f"http://127.0.0.1:{port or _free_port()}"
        self._environ = _clean_environ() | {
            "MAILCONSENT_DATABASE_URL": f"sqlite:///{folder}/mailconsent.db",
            "MAILCONSENT_DIGEST_KEYS_FILE": f"{folder}/digest.keys",
            "MAILCONSENT_SIGNING_KEYS_FILE": f"{folder}/signing.keys",
            "MAILCONSENT_POLICY": str(POLICY),
            "MAILCONSENT_BASE_URL": self.base_url,
            "MAILCONSENT_MAILTO": "u@example.com",
            "MAILCONSENT_IMAP_URL": f"imap://{INBOX_USER}@127.0.0.1:{self.imap_port}/INBOX",
            "MAILCONSENT_IMAP_PASSWORD": INBOX_PASSWORD,
            "MAILCONSENT_IMAP_CYCLE": "2",
        }

    @contextlib.contextmanager
    def up(self) -> Iterator[None]:
        """Start all three, and end them in the reverse order."""
        self.ask("init")
        port = self.base_url.rpartition(":")[2]
        inbox = [
            *("-c", "import sys; from pymap.main import main; sys.exit(main())"),
            *("--host", "127.0.0.1", "--port", str(self.imap_port), "--no-tls"),
            *("dict", "--demo-data", "--demo-user", INBOX_USER, "--demo-password", INBOX_PASSWORD),
        ]
        with (
            self._process("inbox", inbox),
            self._process("web", ["-m", "mailconsent", "serve", "--port", port]),
            self._process("worker", ["-m", "mailconsent", "worker"]),
        ):
            _wait_for("the inbox", lambda: _answers(self.imap_port))
            _wait_for("the web application", lambda: _answers(int(port)))
            yield

    def ask(self, *arguments: str) -> str:
        """Run a command of ours; what it printed."""
        command = [sys.executable, "-m", "mailconsent", *arguments]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Disappointed(f"mailconsent {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def logs(self) -> Iterator[tuple[str, str]]:
        """The end of what each process said."""
        for log in sorted(self.folder.glob("*.log")):
            yield log.stem, log.read_text("utf-8", "replace")[-2000:]

    @contextlib.contextmanager
    def _process(self, name: str, arguments: list[str]) -> Iterator[None]:
        with (self.folder / f"{name}.log").open("w") as log:
            # In a session of its own, so that Ctrl-C reaches us alone and we end them in order.
            process = subprocess.Popen(
                [sys.executable, *arguments], env=self._environ, stdout=log, stderr=log, start_new_session=True
            )
            try:
                yield
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


class Inbox:
    """The contact inbox, as the humans who work in it see it."""

    def __init__(self, port: int) -> None:
        self._imap = imaplib.IMAP4("127.0.0.1", port)
        self._imap.login(INBOX_USER, INBOX_PASSWORD)

    def deliver(self, text: str) -> None:
        """A mail arrives."""
        raw = text.replace("\n", "\r\n").encode()
        self._imap.append("INBOX", "", imaplib.Time2Internaldate(time.time()), raw)

    def state(self) -> list[object]:
        """Every message with its flags, read without leaving a trace."""
        self._imap.select("INBOX", readonly=True)
        answer = self._imap.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")[1]
        self._imap.close()
        return [part if isinstance(part, bytes) else tuple(part) for part in answer if part]

    def close(self) -> None:
        """Log out."""
        self._imap.logout()


def tell(stage: Stage) -> None:
    """The story. Raises `Disappointed` where it does not go as it should."""
    key = stage.ask("key", "create", "newsletter", "--scope", "check", "--scope", "consents")
    with Client(stage.base_url, key) as client, contextlib.closing(Inbox(stage.imap_port)) as inbox:
        _chapter("Anna signs up; the newsletter system asks, and gets a yes with what the mail must carry")
        _consent(client, "anna@example.com")
        answer = _check(client, "anna@example.com", allowed=True, reason="consent")
        for name, value in answer.headers.items():
            click.echo(f"     {name}: {value}")

        _chapter("Anna presses “Unsubscribe” in her mail program, which posts to the link (RFC 8058)")
        click.echo(f"   POST → {_one_click(answer.unsubscribe_url or '')}")
        _check(client, "anna@example.com", allowed=False, reason="withdrawn")

        _chapter("Bo writes “Unsubscribe” to the contact inbox, where humans work too")
        _consent(client, "bo@example.net")
        _consent(client, "cecilia@example.org")
        _check(client, "bo@example.net", allowed=True, reason="consent")
        for text in (QUESTION, ABSENT, UNSUBSCRIBE):  # in the end, so that once it has had its effect all are read
            inbox.deliver(text)
        before = inbox.state()
        click.echo(f"   three mails arrive; the inbox now holds {len(before) // 2}")
        _wait_for("the worker", lambda: not client.check("bo@example.net", "blog").allowed)
        _check(client, "bo@example.net", allowed=False, reason="withdrawn")

        _chapter("Everything else is left alone: Cecilia's question, her automatic reply, every flag")
        _check(client, "cecilia@example.org", allowed=True, reason="consent")
        if inbox.state() != before:
            raise Disappointed("the inbox was changed")
        click.echo("   the inbox is as it was, byte for byte and flag for flag")

        _chapter("And somebody nobody asked is not mailed")
        _check(client, "dorte@example.com", allowed=False, reason="no_legal_basis")
        link = client.check("cecilia@example.org", "blog").unsubscribe_url
        click.echo(
            f"\nOpen for yourself:\n   Cecilia's link   {link}\n   the API          {stage.base_url}/v1/openapi.json"
        )
        click.echo(f"   the health       {stage.base_url}/readyz")


def _chapter(text: str) -> None:
    click.echo(f"\n{click.style('▸', fg='cyan')} {text}")


def _consent(client: Client, address: str) -> None:
    evidence = {"wording": "Yes, send me the blog newsletter.", "form": "demo"}
    click.echo(f"   consent of {address} recorded: event {client.record_consent(address, 'blog', evidence)}")


def _check(client: Client, address: str, *, allowed: bool, reason: str) -> Answer:
    answer = client.check(address, "blog")
    word = click.style("yes", fg="green") if answer.allowed else click.style("no", fg="red")
    event = f", event {answer.event_id}" if answer.event_id else ""
    click.echo(f"   may we mail {address} about the blog? {word}: {answer.reason}{event}")
    if answer.allowed != allowed or answer.reason != reason:
        raise Disappointed(f"expected {'yes' if allowed else 'no'}: {reason}")
    return answer


def _one_click(url: str) -> str:
    request = urllib.request.Request(url, data=b"List-Unsubscribe=One-Click", method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        return f"{response.status} {response.read().decode().strip()}"


def _wait_for(what: str, happened: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > ends:
            raise Disappointed(f"{what} did not do its part in {PATIENCE:.0f} seconds")
        time.sleep(0.2)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _clean_environ() -> dict[str, str]:
    """Ours without the settings of a real installation, which the demo must not touch."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAILCONSENT_")}
