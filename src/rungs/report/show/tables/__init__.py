"""Tables of a report, a module for each subject: the content of text, Markdown and page."""
