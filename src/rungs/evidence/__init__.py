"""Evidence: finished runs measured together; claims, baselines, and the test set's seal."""
