"""Smart charging as one block (K): the registry of profiles, reading back, others' limits, and cars."""

from __future__ import annotations

from ..context import Context
from ..part import Part, together
from .car_needs import Cars
from .external_limits import ExternalLimits
from .profile_reading import ProfileReading, Send
from .smart_charging import SmartCharging


def charging(context: Context, send: Send) -> Part:
    """What smart charging takes part in. `send` carries a command out for an actor of the system."""
    registry, limits = SmartCharging(context), ExternalLimits(context)
    reading = ProfileReading(context, registry, limits, send)
    return together(registry.part, reading.part, limits.part, Cars(context, send).part)
