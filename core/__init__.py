"""Computes. Vocabulary, point table, energy, KPIs, redundancy, alarms and the snapshot.

Pure: no I/O, no asyncio, no clock of its own; numpy is the one dependency.
"""
