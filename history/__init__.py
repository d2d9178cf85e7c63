"""Writes. Durable journal, local history as Parquet, InfluxDB."""
