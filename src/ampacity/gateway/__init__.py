"""WebSockets of stations: identities, admission, one engine a connection. Knows no business."""

from .gateway import Gateway
from .settings import GatewaySettings

__all__ = ["Gateway", "GatewaySettings"]
