"""What everyone may use: errors, streams of random numbers, files on disk, progress.

May import no other room.
"""
