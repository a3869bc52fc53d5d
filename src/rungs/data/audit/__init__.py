"""Auditing a data set: near-duplicates, probable label errors, class balance."""
