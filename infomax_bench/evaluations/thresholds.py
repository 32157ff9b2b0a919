"""Numbers and names that evaluations measure by and rules are written with; a rule is read without importing torch."""

from __future__ import annotations

NAMEABLE = 0.9
"""A unit is nameable if one concept explains it: its AUROC for it on test images is at least this."""

SPARSE = (1, 2, 5)
"""Units for each class of a sparse probe."""

CORRUPTIONS = ("noise", "blur", "occlusion", "contrast", "shift")
"""Protocols of what is done to test images; x is the severity."""

FEW_SHOT_KNN = "few-shot k-NN"
"""Protocol of nearest neighbours on few labels; x is their number a class."""

DROPOUT = "unit drop-out"
"""Protocol of units silenced at test time; x is their share of the live ones."""

COMPRESSED = ("weights", "units")
"""What whole networks are compressed by; protocols are one of these, a slash, and one of the next two."""

SHARES = (0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
"""The shares that compression removes, unless told otherwise."""

PRUNED, TUNED = "pruned", "fine-tuned"
"""Whether a network was left as pruning left it, or trained again."""
