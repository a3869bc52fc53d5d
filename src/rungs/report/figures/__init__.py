"""All that a report shows, as data: gathering makes it, and every form is made from it alone."""
