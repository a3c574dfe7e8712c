"""Reading tables: rows by value, columns as plain typed lists."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd


def rows(table: pd.DataFrame, column: str, values: Iterable[str]) -> pd.DataFrame:
    """The rows whose column holds one of the values, in their order."""
    return pd.DataFrame(table[np.isin(table[column].to_numpy(object), list(values))])


def groups(table: pd.DataFrame, column: str) -> list[pd.DataFrame]:
    """The table in parts of one value each, by ascending value."""
    return [pd.DataFrame(part) for _, part in table.groupby(column)]


def numbers(table: pd.DataFrame, column: str, digits: int = 4) -> list[float]:
    """The column, rounded: four digits are more than a pixel shows, and keep pages small."""
    return np.asarray(table[column], dtype=np.float64).round(digits).tolist()


def words(table: pd.DataFrame, column: str) -> list[str]:
    """The column as strings."""
    return [str(value) for value in table[column]]
