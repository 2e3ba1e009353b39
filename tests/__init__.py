"""Tests, one folder a room. Shared parts are imported as tests.ROOM.module; servers are in tests.fixtures."""
