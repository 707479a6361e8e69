"""The worker on a thread of the test's own process."""

import contextlib
import threading
from collections.abc import Iterator

from mailconsent.services.installation import Installation
from worker import Worker


@contextlib.contextmanager
def working(here: Installation) -> Iterator[Worker]:
    """The worker's loop in a thread."""
    worker = Worker(here)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(10)
        assert not thread.is_alive(), "the worker did not stop"
