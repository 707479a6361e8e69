"""Commands that run the processes."""

import signal
import sys
from types import FrameType

import click
import waitress

from mailconsent import logs
from mailconsent.cli import cli, opened

#: Waitress refuses longer bodies itself; the application's own limit, with an answer in its own words, is lower.
MAX_BODY = 16 * 2**20
#: Bytes of the largest answer: 10 000 verdicts with header fields.
MAX_ANSWER = 32 * 2**20


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on.")
@click.option("--threads", default=4, show_default=True, help="Requests answered at a time.")
def serve(host: str, port: int, threads: int) -> None:
    """Serve the pages and the API. Put a proxy that ends TLS in front."""
    from web import create_app

    logs.configure()
    with opened() as here:
        server = waitress.create_server(
            create_app(here),
            host=host,
            port=port,
            threads=threads,
            ident=None,
            max_request_body_size=MAX_BODY,
            # Bodies and answers hold addresses: kept in memory, they leave nothing in a folder for temporary files.
            inbuf_overflow=MAX_BODY,
            outbuf_overflow=MAX_ANSWER,
            clear_untrusted_proxy_headers=True,
        )
        signal.signal(signal.SIGTERM, _stop)
        logs.info("web started", host=host, port=port)
        # On the way out it lets requests that are under way finish.
        server.run()
    logs.info("web stopped")


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


@cli.command()
def worker() -> None:
    """Read the contact inbox."""
    import worker as process

    sys.exit(process.main())


@cli.command()
@click.option("--once", is_flag=True, help="End after the story; the exit status tells whether all went as it should.")
@click.option("--port", default=8080, show_default=True, help="Of the web application.")
def demo(once: bool, port: int) -> None:
    """Run the main job on embedded defaults: database, inbox, web and worker, and a story that goes through them."""
    from mailconsent.demo import run

    sys.exit(run(once=once, port=port))
