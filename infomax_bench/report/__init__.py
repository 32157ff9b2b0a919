"""Results -> pages.

Imports `run` and below.
"""
