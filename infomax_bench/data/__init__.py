"""Images: data sets, their splits, augmentations, corruptions.

May import `stats` and below; uses `base` alone.
"""

from infomax_bench.data.dataset import stratified_test as stratified_test  # where plug-ins look for it
