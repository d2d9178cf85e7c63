"""Redundancy of the cooling: groups in series, zones, ride-through, and what a lost supply does."""
