"""The demo stays up until Ctrl-C, and leaves nothing behind."""

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.houses import until
from tests.real.ports import free_port

ROOT = Path(__file__).parent.parent.parent


def test_it_tells_the_story_stays_up_and_stops_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    port = free_port()
    told = tmp_path / "told"
    with told.open("w") as out:
        command = [sys.executable, "-m", "mailconsent", "demo", "--port", str(port)]
        demo = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=out,
            stderr=out,
            env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin"},
            # A shell without job control has what it runs in the background ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            until(lambda: "Press Ctrl-C" in told.read_text() or demo.poll() is not None, "the story", 90)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                assert answer.status == 200

            demo.send_signal(signal.SIGINT)

            assert demo.wait(20) == 0
        finally:
            demo.kill()
            demo.wait()
    assert "no: withdrawn" in told.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["told"], "its folder is gone"
