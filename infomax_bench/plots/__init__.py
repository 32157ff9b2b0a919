"""Rows -> marks: figures in one look.

Imports `study` and below.
"""
