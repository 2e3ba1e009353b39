"""Tests, one folder a room. What they share is imported as tests.ROOM.module; servers come from tests.fixtures."""
