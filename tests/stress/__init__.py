"""Many writers, kills, injected faults: what must never lose an acknowledged commit.

Everyday runs are samples of a few seconds each. ``pytest -m stress tests/stress`` runs all of it,
for minutes; ``VOST_STRESS_SEED`` chooses other samples and other moments.
"""
