"""The page: a report as one HTML file, a module for each of its parts."""
