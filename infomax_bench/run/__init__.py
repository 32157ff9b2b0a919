"""A plan -> results: workers, jobs, the tidy table, the decided claims; the Python interface.

Imports `plots` and below; in fact no figure.
"""
