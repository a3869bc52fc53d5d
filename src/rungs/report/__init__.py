"""Reports: figures are gathered (`gather`) as one whole (`data`) and then shown (`show`)."""
