"""Answers of models that were trained elsewhere: read, checked, brought into one order, judged."""
