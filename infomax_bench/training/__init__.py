"""An objective -> an encoder: what a method is, the one trainer, the frozen encoder.

May import `models` and below.
"""
