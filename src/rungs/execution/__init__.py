"""Doing runs: one at a time (`run_one`), or side by side in worker processes (`pool`)."""
