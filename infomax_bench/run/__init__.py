"""A plan -> results: workers, jobs, the tidy table, the decided claims; the Python interface.

May import `plots` and below, but uses no figure. `results` and `rows`, which reports read with, never import torch.
"""
