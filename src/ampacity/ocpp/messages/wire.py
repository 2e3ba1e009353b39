"""What every generated message is made of: the base struct, customData, two checks msgspec cannot express.

Choices, and why:

- Attributes carry the wire's own names: nothing is mapped, and the standard can be searched for a log line.
- An absent optional field is `None` and is never sent (`omit_defaults`). An explicit JSON null is a violation
  in every version; msgspec would take it for absent, so `codec` looks for the word null first: one substring
  search (under 0.1 us) for a message that has none.
- Unknown fields are a violation, except inside customData, whose extras are kept for the round trip.
- Structs are frozen and outside the garbage collector: a message is a tree that never changes.
"""

from typing import Any

import msgspec


class WireStruct(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """Base of all generated OCPP types. Equality is by value; instances are immutable."""


class CustomData(dict[str, Any]):
    """The customData of 2.x: an object with a `vendorId` of at most 255 characters; all else is kept.

    Raises ValueError when `vendorId` is missing, is no string or is too long.
    """

    def __init__(self, members: dict[str, Any]) -> None:
        if not isinstance(members, dict):
            raise ValueError(f"Expected `object`, got `{type(members).__name__}`")
        super().__init__(members)
        vendor = members.get("vendorId")
        if "vendorId" not in members:
            raise ValueError("Object missing required field `vendorId`")
        if not isinstance(vendor, str):
            raise ValueError(f"Expected `str` for `vendorId`, got `{type(vendor).__name__}`")
        if len(vendor) > 255:
            raise ValueError("Expected `str` of length <= 255 for `vendorId`")

    @property
    def vendorId(self) -> str:
        """Reversed domain name of the vendor that defined the extension."""
        return str(self["vendorId"])


def dec_hook(kind: type, value: Any) -> Any:
    """msgspec hook that builds `CustomData`; pass it to every decoder of a generated type."""
    if kind is CustomData:
        return CustomData(value)
    raise NotImplementedError(f"no decoder for {kind!r}")


def check_tenth(name: str, value: float | None) -> None:
    """Raise ValueError unless `value` is a multiple of 0.1 as a decimal number (multipleOf of 1.6).

    Float modulo would refuse 8.1 (8.1 / 0.1 is 80.99999999999999). The nearest one-decimal number of a float
    that was read from one-decimal text is that same float, so rounding decides: 8.1 passes, 8.15 does not.
    """
    if value is not None and value != round(value, 1):
        raise ValueError(f"Expected `{name}` with at most one decimal, got {value!r}")
