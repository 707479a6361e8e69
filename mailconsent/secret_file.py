"""Files of secrets, one a line: for their owner alone, and replaced all or nothing."""

import os
from collections.abc import Iterable
from pathlib import Path


def write_secrets(path: Path, lines: Iterable[str]) -> None:
    """
    Let these be the lines of a file, on disk before this returns. Whoever reads it meanwhile, or after a power cut,
    finds the old ones or these.

    Raises `OSError`, and leaves no copy behind.
    """
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink()  # nobody would look for a secret there
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
