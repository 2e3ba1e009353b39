"""Gives every test the servers of tests/fixtures: `address`, `pg_dsn`, `browser`, `page`, `free_port`.
Tells of failures when they happen, and where a test stands that does not end.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Iterator
from typing import TextIO

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = (
    "tests.fixtures.databases",
    "tests.fixtures.ports",
    "tests.fixtures.postgres",
    "tests.fixtures.chromium",
)

# An example of more than 200 ms, and examples that are slowly made, say something of the machine only.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
# .ci/run judges a change, so it takes the same worlds each time; `./dev prove` and `./dev test` look at new
# ones.
settings.register_profile("same worlds", settings.get_profile("any machine"), derandomize=True)

STANDS_S = 220.0
"""A test that takes this long is shown with its tasks, before its time limit (pyproject.toml) ends it all."""


class ToldAtOnce:
    """Tells of a failure when it happens, not in the end: a run that is cut off must not take it along."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self.terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            last = report.longreprtext.strip().splitlines()[-12:]
            self.terminal.ensure_newline()
            self.terminal.write_line(f"failed in {report.when}: {report.nodeid}")
            self.terminal.write_line("\n".join(last))


class Standing:
    """Shows the unfinished tasks of a test that does not end: a stack only says that the loop waits."""

    def __init__(self, stderr: TextIO) -> None:
        self.stderr = stderr

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        timer = threading.Timer(STANDS_S, self._show, (item.nodeid,))
        timer.daemon = True
        timer.start()
        try:
            return (yield)
        finally:
            timer.cancel()

    def _show(self, name: str) -> None:
        print(f"\n{name} does not end; its tasks:", file=self.stderr)
        for task in [found for found in gc.get_objects() if isinstance(found, asyncio.Task)]:
            if not task.done():
                task.print_stack(file=self.stderr)
        self.stderr.flush()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    terminal = config.pluginmanager.getplugin("terminalreporter")
    if terminal is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(ToldAtOnce(terminal))
    # What a test prints is captured; this copy was made before.
    config.pluginmanager.register(Standing(os.fdopen(os.dup(2), "w")))
