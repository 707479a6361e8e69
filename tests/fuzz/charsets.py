"""Names of charsets: every codec that Python has, by each of its names, and names that are none."""

import encodings
import pkgutil
from encodings.aliases import aliases

#: What mail says that Python does not know, and what no charset is called.
STRANGE = (
    *("iso-8859-8-i", "x-unknown", "unknown-8bit", "default", "x-sjis", "cp-850", "utf8mb4"),
    *("..", "/etc/passwd", "encodings.aliases", "utf-8\\", "%s", "{0}", "", " ", "_", "é", "\udcff", "u" * 300),
)
#: Their files, without what is no codec.
CODECS = frozenset(module.name for module in pkgutil.iter_modules(encodings.__path__)) - {"aliases"}
NAMES = tuple(
    name.encode("utf-8", "surrogateescape").decode("latin-1")
    for name in sorted({*aliases, *aliases.values(), *CODECS, *(name.replace("_", "-").upper() for name in CODECS)})
    + list(STRANGE)
)
