"""Results -> pages.

May import `run` and below, and never torch.
"""
