"""Gives every test the servers of tests/fixtures: `address`, `pg_dsn`, `browser`, `page`, `free_port`."""

pytest_plugins = (
    "tests.fixtures.databases",
    "tests.fixtures.ports",
    "tests.fixtures.postgres",
    "tests.fixtures.chromium",
)
