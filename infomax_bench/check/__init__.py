"""Does a plug-in keep its promises?

May import `report` and below.
"""
