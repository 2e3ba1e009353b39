"""Commands of `ampacity`."""

from .main import main

__all__ = ["main"]
