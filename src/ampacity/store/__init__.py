"""What must not be lost: journal, tables, samples, audit; on SQLite or PostgreSQL,
behind one writer with group commit."""

from .database import PostRank, Store, StoreFigures, StoreSettings
from .errors import (
    StoreClosed,
    StoreError,
    StoreNewer,
    StoreOlder,
    StoreTrouble,
    StoreUnavailable,
    StoreUnfit,
    StoreUrlError,
)

__all__ = [
    "PostRank",
    "Store",
    "StoreClosed",
    "StoreError",
    "StoreFigures",
    "StoreNewer",
    "StoreOlder",
    "StoreSettings",
    "StoreTrouble",
    "StoreUnavailable",
    "StoreUnfit",
    "StoreUrlError",
]
