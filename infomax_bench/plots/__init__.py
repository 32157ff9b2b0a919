"""Rows -> marks: figures in one look.

May import `study` and below, and never torch.
"""
