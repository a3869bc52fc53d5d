"""Runs that were trained elsewhere: checked against a study, and entered into a store."""
