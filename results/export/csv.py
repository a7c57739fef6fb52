"""A run as CSV files: one for each kind of thing, names with units as heads, metadata beside them."""

from pathlib import Path

from recosim.results.export.settled import all_tables
from recosim.results.export.tables import Table, write_metadata
from recosim.results.run_file import Run


def write_csv_files(run: Run, folder: Path) -> list[Path]:
    """Write a run as CSV, a block of rows at a time.

    Numbers have as many digits as tell them apart in the precision in which they were recorded
    (``dtype`` in ``metadata.json``). Where a device was left to its own rule, a set-point is blank.

    Parameters
    ----------
    run : Run
        What is committed is written.
    folder : Path
        Has to exist.

    Returns
    -------
    list of Path
    """
    tables: dict[str, Table] = {}
    for table in all_tables(run, as_text=True):
        file = f"{table.name}.csv"
        tables[file] = table
        with (folder / file).open("w", encoding="utf-8", newline="") as lines:
            for number, block in enumerate(table.blocks):
                block.to_csv(lines, index=False, header=number == 0, lineterminator="\n")
    return [*(folder / file for file in tables), *write_metadata(run, tables, folder)]
