"""Gathering: every figure of a report, from a plan and a store. Knows no table and no page."""
