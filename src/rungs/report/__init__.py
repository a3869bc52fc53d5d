"""Reports: one gathering of what is known (`data`), shown in several forms (`forms`)."""
