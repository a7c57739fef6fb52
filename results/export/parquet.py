"""A run as Parquet files: the tables of the CSV files, typed and compressed, units in the metadata."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from recosim.errors import ResultsError
from recosim.results.export.settled import all_tables
from recosim.results.export.tables import Column, Table, metadata, write_metadata
from recosim.results.run_file import Run


def write_parquet_files(run: Run, folder: Path) -> list[Path]:
    """Write a run as Parquet, a row group for each block of rows.

    Every field's metadata holds ``unit`` and ``meaning``. That of every file holds ``recosim``: what the run
    was and whose data it is made from, as JSON.

    Parameters and what it returns are those of ``write_csv_files``.

    Raises
    ------
    ResultsError
        pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    about = {"recosim": json.dumps(metadata(run, {}))}
    tables: dict[str, Table] = {}
    for table in all_tables(run):
        file = f"{table.name}.parquet"
        tables[file] = table
        schema = arrow.schema([_field(arrow, column) for column in table.columns], metadata=about)
        with parquet.ParquetWriter(folder / file, schema, compression="zstd") as writer:
            for block in table.blocks:
                arrays = [_array(arrow, block[column.name], column) for column in table.columns]
                writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
    return [*(folder / file for file in tables), *write_metadata(run, tables, folder)]


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ResultsError(
            "--format parquet needs pyarrow, which is not installed: pip install 'recosim[parquet]'"
        ) from error
    return pyarrow, parquet


def _field(arrow: Any, column: Column) -> Any:
    if column.dtype == "time":
        kind = arrow.timestamp("us", tz="UTC")
    else:
        kind = arrow.string() if column.dtype == "text" else arrow.from_numpy_dtype(column.dtype)
    return arrow.field(column.name, kind, metadata={"unit": column.unit, "meaning": column.meaning})


def _array(arrow: Any, values: "pd.Series[Any]", column: Column) -> Any:
    if column.dtype == "time":
        return arrow.array(values, type=arrow.timestamp("us", tz="UTC"))
    if column.dtype == "text":
        return arrow.array(values.astype(str), type=arrow.string())
    # NaN, which means "left to the device", stays a number and does not become null
    return arrow.array(values.to_numpy(), from_pandas=False)
