"""Solvers, ranks and distances. They know no method, data set or benchmark.

Imports `training` and below; in fact the blocks of `models`.
"""
