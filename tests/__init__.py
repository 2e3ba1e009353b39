"""Tests, one folder a room. Shared parts are imported as tests.ROOM.module; servers come from tests.fixtures."""
