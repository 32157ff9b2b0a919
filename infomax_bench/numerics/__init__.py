"""Solvers, ranks and distances. They take arrays, and know no method, data set or benchmark.

May import `training` and below; uses the blocks of `models`.
"""
