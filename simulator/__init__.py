"""Stands in for devices: a site with physics on real sockets, and recordings replayed."""
