"""Reports: figures (`figures`) are gathered (`gather`), then shown (`show`) in every form."""
