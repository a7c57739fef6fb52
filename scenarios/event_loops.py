"""Simulating where an event loop runs already, as in notebooks."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def beside_a_running_loop() -> Iterator[None]:
    """Let mosaik run its own event loop although one is running in this thread; also a decorator.

    A cell of a notebook is a callback of the notebook's loop. That loop stands still until the cell is done,
    so another can run meanwhile, but asyncio refuses it by a mark that every thread has; it is put aside.
    """
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(running)
