"""What must not be lost: journal, tables, samples, audit; on SQLite, behind one writer with group commit."""

from .database import PostRank, Store, StoreFigures, StoreSettings
from .errors import StoreClosed, StoreError, StoreNewer, StoreTrouble, StoreUnavailable, StoreUrlError

__all__ = [
    "PostRank",
    "Store",
    "StoreClosed",
    "StoreError",
    "StoreFigures",
    "StoreNewer",
    "StoreSettings",
    "StoreTrouble",
    "StoreUnavailable",
    "StoreUrlError",
]
