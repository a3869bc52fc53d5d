"""A study written up, from its task to what is not known, in the forms that are handed in."""
