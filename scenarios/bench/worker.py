"""Loaded by worker processes that a bench starts: Ctrl-C reaches all of a terminal, and is not for them."""

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
