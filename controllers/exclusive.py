"""Which exclusive pairs to close next; pairs are columns, shape (n_pairs, 2), values (n_columns,)."""

import numpy as np

from recosim.arrays import FloatArray, IntArray

PAIR_TOLERANCE = 1e-7
"""Below this, the smaller side of an exclusive pair counts as zero [kW]."""


def zero_sides(pairs: IntArray, values: FloatArray) -> IntArray:
    """The zero sides of the pairs that are decided, the other side being positive."""
    sides = values[pairs]
    decided = (sides.max(axis=1) > PAIR_TOLERANCE) & (sides.min(axis=1) <= PAIR_TOLERANCE)
    return np.asarray(pairs[decided, np.argmin(sides[decided], axis=1)], dtype=np.int64)


def apart(broken: IntArray, values: FloatArray) -> IntArray:
    """Those of the broken pairs that share no column with one that is broken more."""
    seen: set[int] = set()
    kept = []
    for row in np.argsort(-values[broken].min(axis=1), kind="stable").tolist():
        pair = set(broken[row].tolist())
        if not pair & seen:
            kept.append(row)
        seen |= pair
    return broken[kept]


def fewer(pairs: IntArray) -> list[IntArray]:
    """All pairs, the first quarter, the first sixteenth, the first one."""
    return [pairs[:n] for n in sorted({len(pairs), len(pairs) // 4, len(pairs) // 16, 1} - {0}, reverse=True)]
