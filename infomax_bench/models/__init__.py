"""Maps with parameters: blocks, encoders, backbones.

Imports `data` and below.
"""
