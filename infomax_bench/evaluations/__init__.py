"""Evaluations of frozen features: probe, prune, redundancy, robustness, interpretability, factors, decoding, ...

Each is a function of a `Context` and its own options that returns rows, and says in its own file what they are of
(`declare.py`). A module here that declares one is found; nothing lists them.

May import `numerics` and below.
"""
