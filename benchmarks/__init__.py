"""Bayescope against its peers, as ratios; `python -m benchmarks` runs all and writes results.md."""
