"""Does a plug-in keep its promises?

Imports `report` and below.
"""
