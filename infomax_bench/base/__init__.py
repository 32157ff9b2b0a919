"""What everyone may use: errors, streams of random numbers, files on disk, progress.

Imports no other room.
"""
