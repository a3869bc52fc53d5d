"""Plots of a report, a module each: functions from figures to a matplotlib figure, or None."""
