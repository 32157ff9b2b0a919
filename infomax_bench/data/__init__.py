"""Images: data sets, their splits, augmentations, corruptions.

Imports `stats` and below; in fact `base` alone.
"""

from infomax_bench.data.dataset import stratified_test as stratified_test  # where plug-ins look for it
