"""Execution: a plan's runs done, side by side in processes, with something to look at."""
