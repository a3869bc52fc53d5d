"""The store: immutable folders of finished runs, their index, and archives to keep and share."""

from rungs.store.store import (
    CALIBRATION,
    DEFAULT_STORE,
    PARTS,
    Store,
    existing_store,
    is_store,
    open_store,
)

__all__ = [
    "CALIBRATION",
    "DEFAULT_STORE",
    "PARTS",
    "Store",
    "existing_store",
    "is_store",
    "open_store",
]
