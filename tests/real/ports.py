"""TCP ports on the loopback interface."""

import contextlib
import socket
import time
from pathlib import Path

from tests.commands import Running


def free_port() -> int:
    """A port that nobody listens on now. Somebody else may take it first: rare, and seen at once as a failed start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(
    port: int,
    *,
    process: Running | None = None,
    log: Path | None = None,
    timeout: float = 30.0,
) -> None:
    """
    Return once somebody accepts connections on the port.

    RuntimeError, with what the log says, when `process` ended before that or `timeout` seconds have passed.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return
        if process is not None and process.poll() is not None:
            break
        time.sleep(0.02)
    said = log.read_text(errors="replace")[-2000:] if log is not None and log.exists() else ""
    raise RuntimeError(f"nobody listens on port {port}\n{said}")
