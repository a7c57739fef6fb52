"""What a Dask scheduler unpacks of a job: bytes, so that it imports nothing of what only workers need.

It would stand still meanwhile, on a busy machine for longer than a client waits for an answer.
"""

from typing import Any

from distributed.protocol.pickle import dumps, loads


def packed(function: Any, argument: Any) -> bytes:
    """A call to be made elsewhere."""
    content: bytes = dumps((function, argument))
    return content


def call(content: bytes) -> Any:
    """Make a call that was `packed`."""
    function, argument = loads(content)
    return function(argument)
