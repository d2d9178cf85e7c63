"""Exposes. Status API, /metrics, event stream."""
