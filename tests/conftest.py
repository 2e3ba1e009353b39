"""Gives every test the servers of tests/fixtures: `pg_dsn`, `browser`, `page`, `free_port`."""

pytest_plugins = ("tests.fixtures.ports", "tests.fixtures.postgres", "tests.fixtures.chromium")
