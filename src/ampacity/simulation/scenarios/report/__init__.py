"""The report of a sweep: one HTML file that needs nothing else, on any screen, printed or offline."""

from .page import page

__all__ = ["page"]
