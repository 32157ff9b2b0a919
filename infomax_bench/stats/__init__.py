"""Numbers over seeds -> intervals -> outcomes.

May import `base`, and never torch: a report is built without waiting for it.
"""
