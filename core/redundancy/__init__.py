"""Redundancy of the power graph: verdict now, groups, single failures, what-if."""
