"""Whether something was there before, among millions, in memory that does not grow: a Bloom filter."""

import hashlib

_BITS = 27
_PROBES = 7


class Seen:
    """
    What was seen. 16 MiB: of a million things one in a billion is taken for seen that was not, of ten million one in a
    hundred. Only for figures that may be off by one.
    """

    def __init__(self) -> None:
        self._bits = bytearray(2 ** (_BITS - 3))

    def again(self, what: bytes) -> bool:
        """Whether this was seen before. Now it is."""
        known = True
        digest = hashlib.blake2b(what, digest_size=4 * _PROBES).digest()
        for start in range(0, 4 * _PROBES, 4):
            place = int.from_bytes(digest[start : start + 4]) >> (32 - _BITS)
            byte, bit = place >> 3, 1 << (place & 7)
            known = known and bool(self._bits[byte] & bit)
            self._bits[byte] |= bit
        return known
