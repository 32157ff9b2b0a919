"""Numbers over seeds -> intervals -> outcomes. No torch.

Imports `base` alone.
"""
