"""Showing: text, Markdown, JSON, page and plots of what was gathered. Computes no figure."""
