"""Trained models: taken from a store or an exported file, asked about pictures, exported."""
