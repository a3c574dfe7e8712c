"""The store: one finished MLflow run per key, with files that are verified whenever they are read."""

from stages.store.runs import Store, default_root
from stages.store.writer import StoredRun

__all__ = ["Store", "StoredRun", "default_root"]
