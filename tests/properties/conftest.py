"""A failing test of the law leaves a recording that `ampacity simulate --replay` shows."""

from tests.control.recording import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]
