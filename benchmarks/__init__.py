"""
What the hot paths cost, beside what the drivers alone would cost: `make bench`, or `python -m benchmarks [name ...]`.

Rules:

1. A machine's speed says nothing, so every figure stands beside its raw limit, measured in the same run, turn by turn.
   Targets are ratios.
2. Loopback only, real servers, everything in folders of its own, nothing left behind. TMPDIR must be on a real disk.
"""
