"""Data: what a study says of its pictures, readers for each kind of set, and audits of them."""
