"""Evaluations of encoders: probe, prune, redundancy, robustness, interpretability, factors, decoding, fine-tuning, ...

Each is a function of a `Context` and its own options that returns rows, arrays or both (a comparison is one of what was
kept of encoders), and says in its own file what they are of (`declare.py`). A module here that declares one is found.

May import `numerics` and below.
"""
