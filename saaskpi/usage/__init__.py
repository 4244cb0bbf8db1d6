"""Usage from files: CSV, JSON lines and Singer outputs become Parquet files of events."""
