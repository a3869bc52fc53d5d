"""What every room stands on: errors, wording, values, files, and the machine at hand."""
