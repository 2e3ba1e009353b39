"""Each gateway test runs over both WebSocket libraries."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

from .node import Node, gateway_node

NodeMaker = Callable[..., AbstractAsyncContextManager[Node]]


@pytest.fixture(params=["picows", "websockets"])
def make_node(request: pytest.FixtureRequest) -> NodeMaker:
    """Makes a gateway over one of the libraries; keyword arguments are its settings."""
    return partial(gateway_node, transport=request.param)
