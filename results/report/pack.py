"""Series as short text, for a page to unpack."""

import base64
import zlib

import numpy as np

from recosim.arrays import FloatArray

BITS_DROPPED = 11
"""Of a float32's 23: four digits are left, which is more than a drawing shows."""


class Pack:
    """Many series in one text: float32 with the bits that nobody sees dropped, deflated, as base64.

    The bytes of all numbers are sorted by their place in the number, which makes them a third as long.
    """

    def __init__(self) -> None:
        self._parts: list[FloatArray] = []
        self._n = 0

    def add(self, values: FloatArray) -> list[int]:
        """Keep a series; returns where it begins and how long it is."""
        place = [self._n, len(values)]
        self._parts.append(values)
        self._n += len(values)
        return place

    def text(self) -> str:
        """All series."""
        values = np.concatenate(self._parts) if self._parts else np.zeros(0)
        bits = np.ascontiguousarray(values, dtype="<f4").view("<u4")
        half = np.uint32(1 << (BITS_DROPPED - 1))
        kept = np.where(np.isnan(values), bits, (bits + half) & ~np.uint32((1 << BITS_DROPPED) - 1))
        planes = kept.astype("<u4").view(np.uint8).reshape(-1, 4).T
        return base64.b64encode(zlib.compress(planes.tobytes(), 9)).decode()
