"""Where a Modbus device is."""

from __future__ import annotations

from msgspec import Struct


class ModbusAddress(Struct, frozen=True):
    """`host:port/unit?register`, e.g. `10.0.0.5:502/1?0` (port, unit and register may be left out)."""

    host: str
    port: int = 502
    unit: int = 1
    register: int = 0

    @classmethod
    def parse(cls, text: str) -> ModbusAddress:
        """Raises ValueError that says what an address looks like."""
        place, _, register = text.partition("?")
        place, _, unit = place.partition("/")
        host, _, port = place.rpartition(":")
        try:
            found = cls(host or place, int(port) if host else 502, int(unit or 1), int(register or 0))
        except ValueError:
            found = cls("")
        if not (
            found.host and 0 < found.port < 65536 and 0 <= found.unit < 256 and 0 <= found.register < 65536
        ):
            raise ValueError(
                f"meter address {text!r} can't be read: write host:port/unit?register, e.g. 10.0.0.5:502/1?0"
            )
        return found
