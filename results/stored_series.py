"""One quantity of one group in the result file, for writing."""

from dataclasses import dataclass, field

import h5py
import numpy as np

from recosim.arrays import FloatArray


@dataclass(frozen=True, kw_only=True)
class StoredSeries:
    """A data set of rows and members, with what HDF5 takes long to tell of it.

    Parameters
    ----------
    dataset : h5py.Dataset
        Shape (n_steps, n_members), in chunks.
    """

    dataset: h5py.Dataset
    n_members: int = field(init=False)
    chunk: tuple[int, int] = field(init=False)
    dtype: np.dtype = field(init=False)
    usually_nan: bool = field(init=False)

    def __post_init__(self) -> None:
        found = {
            "n_members": self.dataset.shape[1],
            "chunk": self.dataset.chunks,
            "dtype": self.dataset.dtype,
            "usually_nan": bool(np.isnan(self.dataset.fillvalue)),
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def write(self, first: int, values: FloatArray) -> None:
        """Write rows from ``first`` on, shape (n_rows, n_members); whole chunks go straight to the file."""
        rows_per_chunk, members_per_chunk = self.chunk
        n_rows, n_members = values.shape
        is_usual = np.isnan(values).all() if self.usually_nan else not values.any()
        if n_members == 0 or is_usual:
            return  # a chunk that was never written reads so
        data = values.astype(self.dtype)
        if first % rows_per_chunk or n_rows != rows_per_chunk:
            self.dataset[first : first + n_rows] = data
            return
        for member in range(0, n_members, members_per_chunk):
            part = data[:, member : member + members_per_chunk]
            if part.shape[1] < members_per_chunk:
                part = np.pad(part, ((0, 0), (0, members_per_chunk - part.shape[1])), constant_values=np.nan)
            self.dataset.id.write_direct_chunk((first, member), np.ascontiguousarray(part))
