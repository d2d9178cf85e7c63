"""Runs it all: site file, wiring, supervision, command line."""
