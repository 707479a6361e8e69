"""Where the servers' programs are. A missing one fails the test that needs it: a skipped test proves nothing."""

import shutil
from pathlib import Path

#: Debian keeps daemons where an ordinary user's PATH does not look.
_SEARCH = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


class ServerMissing(Exception):
    """A server that the tests need is not installed on this machine."""


def program(name: str, *, package: str) -> Path:
    """The path of a program. `ServerMissing`, naming the Debian package that brings it, where there is none."""
    found = shutil.which(name, path=_SEARCH)
    if found is None:
        raise ServerMissing(
            f"{name} is not installed, and these tests run against the real one: apt-get install {package}"
        )
    return Path(found)
