"""The parquet tables of a dataset: frames, tasks, skill labels, episodes."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from robo.data.errors import DatasetFormatError
from robo.data.features import Feature, Features


def parquet(*groups: pa.Table) -> bytes:
    """A parquet file's content, one row group per table; all have the same columns."""
    file = io.BytesIO()
    with pq.ParquetWriter(file, groups[0].schema) as writer:
        for table in groups:
            writer.write_table(table, row_group_size=max(1, table.num_rows))
    return file.getvalue()


def read_parquet(path: Path) -> pa.Table:
    """Read a parquet file.

    Raises:
        DatasetFormatError: It is missing or damaged.
    """
    try:
        return pq.ParquetFile(path).read()
    except FileNotFoundError:
        raise DatasetFormatError(f"there is no file {path}") from None
    except (OSError, pa.ArrowException) as error:
        raise DatasetFormatError(f"{path} cannot be read: {error}") from error


def read_schema(path: Path) -> pa.Schema:
    """The columns of a parquet file.

    Raises:
        DatasetFormatError: It is missing or damaged.
    """
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise DatasetFormatError(f"{path} cannot be read: {error}") from error


def arrow_type(feature: Feature) -> pa.DataType:
    """A column's type in the frame tables."""
    value = pa.bool_() if feature.dtype == "bool" else pa.from_numpy_dtype(feature.dtype)
    return value if feature.shape == (1,) else pa.list_(value, feature.shape[0])


def frames_table(features: Features, columns: Mapping[str, np.ndarray]) -> pa.Table:
    """Frames as a table, one column per numeric feature.

    Args:
        features: The dataset's features.
        columns: Values (frames,) or (frames, n) by key.
    """
    arrays, fields = [], []
    for key, feature in features.items():
        if not feature.is_numeric:
            continue
        kind = arrow_type(feature)
        values = np.ascontiguousarray(columns[key], feature.dtype).reshape(-1)
        flat = pa.array(values)
        array = (
            flat
            if feature.shape == (1,)
            else pa.FixedSizeListArray.from_arrays(flat, feature.shape[0])
        )
        arrays.append(array.cast(kind))
        fields.append(pa.field(key, kind))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def column_values(table: pa.Table, feature: Feature) -> np.ndarray:
    """A numeric column as an array (frames,) or (frames, n) of the declared dtype.

    Raises:
        DatasetFormatError: The column is missing, holds nulls or has another width.
    """
    if feature.key not in table.column_names:
        raise DatasetFormatError(f"the column {feature.key} is declared but missing")
    column = table.column(feature.key).combine_chunks()
    width = 1 if feature.shape == (1,) else feature.shape[0]
    if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        column = column.flatten()
    if len(column) != table.num_rows * width or column.null_count:
        raise DatasetFormatError(
            f"the column {feature.key} does not hold {width} numbers in every frame"
        )
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype.kind not in "fiub":
        raise DatasetFormatError(f"the column {feature.key} holds {column.type}, not numbers")
    values = np.asarray(values, feature.dtype)
    return values if feature.shape == (1,) else values.reshape(-1, width)


def texts_table(texts: Sequence[str], column: str) -> pa.Table:
    """The table of tasks (`task`) or skill labels (`subtask`), with the text as pandas' index.

    Readers that use pandas take a row's index as its text; without the metadata it is a number.
    """
    numbers = f"{column}_index"
    pandas = {
        "index_columns": [column],
        "column_indexes": [],
        "columns": [
            {
                "name": numbers,
                "field_name": numbers,
                "pandas_type": "int64",
                "numpy_type": "int64",
                "metadata": None,
            },
            {
                "name": column,
                "field_name": column,
                "pandas_type": "unicode",
                "numpy_type": "object",
                "metadata": None,
            },
        ],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.0.0",
    }
    schema = pa.schema(
        [(numbers, pa.int64()), (column, pa.string())],
        metadata={"pandas": json.dumps(pandas)},
    )
    return pa.Table.from_arrays(
        [pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.string())], schema=schema
    )


def read_texts(path: Path, column: str) -> list[str]:
    """Tasks or skill labels in the order of their index; empty if there is no file.

    Raises:
        DatasetFormatError: The table is damaged.
    """
    if not path.is_file():
        return []
    table = read_parquet(path)
    # This is how pandas names an unnamed index.
    name = next((n for n in (column, "__index_level_0__") if n in table.column_names), None)
    if name is None or f"{column}_index" not in table.column_names:
        raise DatasetFormatError(f"{path} lacks the column {column} or {column}_index")
    numbers = table.column(f"{column}_index").to_pylist()
    if sorted(numbers) != list(range(len(numbers))):
        raise DatasetFormatError(f"{path}: {column}_index does not count from 0")
    texts = [""] * len(numbers)
    for number, text in zip(numbers, table.column(name).to_pylist(), strict=True):
        texts[number] = str(text)
    return texts


def is_indexed(path: Path, column: str) -> bool:
    """Whether pandas takes the text column as the index, as LeRobot's loader needs."""
    metadata = pq.read_schema(path).metadata or {}
    content = json.loads(metadata.get(b"pandas", b"{}"))
    return content.get("index_columns") in ([column], ["__index_level_0__"])


def rows_table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema | None = None) -> pa.Table:
    """Episode rows as a table; all have the first one's keys unless a schema is given."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
