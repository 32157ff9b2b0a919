"""Maps with parameters: blocks, encoders, backbones. What they are trained for stands in `training`.

May import `data` and below.
"""
