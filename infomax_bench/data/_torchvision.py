"""torchvision's data sets and models, importable also where its compiled operators are not.

A torchvision that was built for another torch (or for none) cannot load its extension, and then fails to import
altogether, because two operators that it describes do not exist. Declaring those two is enough for everything that
is used here. Where torchvision loads normally, nothing is done.
"""

from __future__ import annotations

import sys

import torch

try:
    import torchvision
except RuntimeError as error:
    if "torchvision::" not in str(error):
        raise
    # The failed import left submodules behind; a second one must start afresh.
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    _library = torch.library.Library("torchvision", "DEF")  # the declarations live as long as this object
    for operator in ("nms", "qnms"):
        _library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

datasets = torchvision.datasets
models = torchvision.models
