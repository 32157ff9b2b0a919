"""What is typed: the command line.

Imports everything.
"""
