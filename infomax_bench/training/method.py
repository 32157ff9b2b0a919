"""What a pretraining method is: an objective with typed hyperparameters and a card, and nothing else.

The harness owns the encoder, the data, the loop, the optimiser, the seeds and the device. Every tensor a method
sees may have leading dimensions (`[..., B, K]`: one entry per seed trained beside the others); a loss that reduces
over named trailing dimensions only is therefore trained for many seeds at once. A method that cannot be written so
sets `batched = False` and sees one seed at a time, without the leading dimension.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

from torch import Tensor

from infomax_bench.base.errors import UserError, unknown
from infomax_bench.base.streams import Rng
from infomax_bench.models.backbones import Chosen, encoding_of
from infomax_bench.models.blocks import Block, Net, Params, Problem
from infomax_bench.training.budget import Budget
from infomax_bench.training.hyperparameters import Hyperparameters, param

Role = Literal["this work", "prior art", "control", "reference", "draft"]

ONE_LAYER: Sequence[str] = Chosen(lambda encoding: encoding.one_layer)
"""Backbones of an objective that looks inside its one layer (its weights, its own code)."""
ANY_ENCODER: Sequence[str] = Chosen()
"""Backbones of an objective that only looks at the encoder's outputs."""

OF_OPTIMIZERS = frozenset({"optimizer", "momentum", "weight_decay"})
"""Hyperparameters of the optimiser, which only losses have."""
OF_STEPS = frozenset({"learning_rate", "schedule"})
"""Those of training in steps, which a fitted method does not have."""
HOOKS = ("loss", "update", "fit")
"""Of which a method defines one: it says what is learned."""

LATER = ("initial_scale",)
"""Hyperparameters that came after results had been kept; they are settings only where they say something, so that keys
stay what they were."""


@dataclass(frozen=True)
class Native:
    """The architecture that a method was published with, for the native track.

    hidden: how many times as wide as the features the layers below the last are, in an `mlp` or a `stack`.
    """

    backbone: str = "linear"
    depth: int = 1
    hidden: int = 4


@dataclass(frozen=True)
class Card:
    """A method's line in the comparison table.

    `essay_cost` is the cost the essay predicts ("low", "medium", "high", "extreme"); "" where it says nothing.
    `role` says what a win over it means: "prior art" is what the claims compare with, "control" is what could explain
    a win away, "reference" is always in the table, "this work" is the project's own family. What does not say is a
    "draft": it stands in tables and figures, and takes no part in claims about others. `ablation_of` names the method
    of another file that this one is a part or a variant of: it never stands against that one in a claim.
    """

    family: str
    objective: str
    prevents: str
    paper: str
    role: Role = "draft"
    essay_cost: str = ""
    ablation_of: str = ""


@dataclass
class Batch:
    """What a loss may see. Only what the method asked for is there.

    images: float32 `[..., B, C, H, W]` in [0, 1].
    views: `Method.views` augmented versions of the images, each of their shape.
    labels: int64 `[..., B]`, for methods with `needs = ("labels",)`.
    captions: int64 `[..., B, L]`, for methods with `needs = ("captions",)`: word ids below `Problem.vocabulary`, 0
    where a caption has ended (`Problem.caption_length` is L).
    progress: the fraction of training done, in [0, 1), for schedules.
    """

    images: Tensor
    views: tuple[Tensor, ...] = ()
    labels: Tensor | None = None
    captions: Tensor | None = None
    progress: float = 0.0

    @property
    def x(self) -> Tensor:
        """The images as vectors, `[..., B, D]`."""
        return self.images.flatten(-3)


class Method(Hyperparameters):
    """Base class of every method. Override one of `loss` (trained by gradient), `update` (a learning rule that is no
    gradient) and `fit` (anything else)."""

    card: ClassVar[Card]
    name: ClassVar[str] = ""
    """Given by the registry: the file's name, or a variant's."""
    backbones: ClassVar[Sequence[str]] = ANY_ENCODER
    """Where the objective makes sense: ANY_ENCODER, or ONE_LAYER if it looks inside the layer that it trains."""
    native: ClassVar[Native] = Native()
    """What it was published with."""
    activation: ClassVar[str] = "relu"
    """What every layer of the encoder ends in: relu, sigmoid or identity (then only the last; relu before)."""
    batch_norm: ClassVar[bool] = False
    """True: the hidden layers of an `mlp` are normalised over the batch."""
    dropout: ClassVar[float] = 0.0
    """Share of hidden units that `net.encoder(images, rng)` drops in an `mlp`; without `rng`, none."""
    initialisation: ClassVar[str] = "default"
    """The start of an `mlp`: default (as torch.nn.Linear's), glorot or he."""
    input_range: ClassVar[Literal["standardised", "unit"]] = "standardised"
    """What a layer of a `stack` gets from the layer below: standardised features, or probabilities as they are."""
    views: ClassVar[int] = 0
    """How many augmented views of each image the loss needs."""
    needs: ClassVar[tuple[str, ...]] = ()
    """("labels",) or ("captions",), which are written from labels or factors: either makes the method supervised, and
    marked so in every table."""
    batched: ClassVar[bool] = True
    """False: the loss is not written over leading dimensions; seeds are trained one after another."""
    competitive: ClassVar[bool] = False
    """True: a unit's feature depends on the other units, so pruning is also measured with the rest sharing out anew."""
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Further names this file provides: name -> the hyperparameters and class attributes that differ."""

    learning_rate: float = param(
        1e-3, valid="(0, inf)", search=(3e-5, 0.3), log=True, help="step size of the optimiser"
    )
    optimizer: str = param("adam", choices=("adam", "sgd"), help="update rule")
    momentum: float = param(0.0, valid="[0, 1)", help="momentum of sgd")
    weight_decay: float = param(0.0, valid="[0, inf)", help="L2 penalty on every weight, as the optimiser applies it")
    schedule: str = param("constant", choices=("constant", "cosine"), help="learning rate over training")
    centred: bool = param(True, help="train on images less their mean (afterwards part of the encoder's bias)")
    initial_scale: float = param(1.0, valid="(0, inf)", help="what the weights of a fresh encoder are multiplied by")

    # -- what a method declares -------------------------------------------------------------------------------
    def width(self, problem: Problem) -> int:
        """The width this method gives when `problem.width` is asked for; one with a width of its own returns that."""
        return problem.width

    def unavailable(self, problem: Problem) -> str | None:
        """Why this method cannot do `problem` (a limit of the method, not an error), or None."""
        return None

    def heads(self, problem: Problem) -> dict[str, Block]:
        """Trainable parts beside the encoder, by name; they are thrown away after pretraining."""
        return {}

    def start(self, net: Net, mean: Tensor, rng: Rng) -> Params:
        """Initial parameters of its own, by their full names: only those that differ.

        mean: the mean training image, `[..., D]`; rng: a stream for this alone, as in `state`.
        """
        return {}

    def state(self, net: Net, rng: Rng) -> dict[str, Tensor]:
        """Named tensors that live across steps (queues, chains, momentum encoders), with leading dimensions.

        `rng.zeros(K, K)` and `rng.normal(K, K)` have them, and so have copies of parameters, by `net.copy_params`.
        """
        return {}

    # -- what it optimises ------------------------------------------------------------------------------------
    def loss(self, net: Net, batch: Batch, state: dict[str, Tensor], rng: Rng) -> Tensor | dict[str, Tensor]:
        """The loss `[...]`, one number a seed; or its named terms, which are added, logged and plotted apart.

        May assign to `state`.
        """
        raise TypeError(f"{type(self).__name__} defines none of {', '.join(HOOKS)}")

    def update(self, net: Net, batch: Batch, state: dict[str, Tensor], rng: Rng) -> Params:
        """For learning rules that are no gradient: the change of parameters, by their full names, in their shapes.

        Called without gradients. The harness adds `learning_rate` times it, after `schedule`; there is no optimiser in
        between. What one layer learns from is `net.encoder.trunk(batch.images)`, `[..., B, D]`: the images less their
        mean, as vectors. May assign to `state`.
        """
        raise TypeError(f"{type(self).__name__} does not define update()")

    def after_step(self, net: Net, batch: Batch, state: dict[str, Tensor], rng: Rng) -> None:
        """Called without gradients after every update: momentum encoders, queues, projections of parameters (changed
        in place)."""

    def fit(self, net: Net, images: Tensor, labels: Tensor | None, budget: Budget, rng: Rng) -> dict[str, Tensor]:
        """For what is not learned in steps: the fitted parameters of one seed, by their full names ("encoder.weight").

        net: with the parameters that every method starts from. A method whose features need no parameters returns {}.

        images: float32 `[N, C, H, W]` in [0, 1], that seed's training images; labels only if asked for. budget: the
        passes over these images that it may make, and has to count (see `Budget`).
        """
        raise TypeError(f"{type(self).__name__} does not define fit()")

    def features(self, net: Net, images: Tensor) -> Tensor:
        """What the frozen encoder is judged by, `[..., N, width]`."""
        return cast(Tensor, net.encoder(images))

    # -- the harness's view of it -----------------------------------------------------------------------------
    def encode(self, net: Net, images: Tensor) -> Tensor:
        """The features of the whole encoder; in a stack, those of its layers in turn."""
        return net.encoder(images) if encoding_of(net.problem.backbone).greedy else self.features(net, images)

    @classmethod
    def hook(cls) -> str:
        """The one of HOOKS that it defines ("loss" if it defines none yet). Raises TypeError if it defines several."""
        own = [name for name in HOOKS if getattr(cls, name) is not getattr(Method, name)]
        if len(own) > 1:
            raise TypeError(f"{cls.name or cls.__name__} defines {' and '.join(own)}: one of them says what it learns")
        return own[0] if own else HOOKS[0]

    @classmethod
    def by_gradient(cls) -> bool:
        """Whether it has a loss."""
        return cls.hook() == "loss"

    @classmethod
    def fitted(cls) -> bool:
        """Whether it is not trained in steps."""
        return cls.hook() == "fit"

    @classmethod
    def unused(cls) -> frozenset[str]:
        """Hyperparameters of all methods that mean nothing for one of its kind, unless its own file declares them."""
        means_nothing = {"loss": frozenset(), "update": OF_OPTIMIZERS, "fit": OF_OPTIMIZERS | OF_STEPS}[cls.hook()]
        below = cls.__mro__[: cls.__mro__.index(Method)]
        return means_nothing - {name for own in below for name in vars(own).get("__annotations__", ())}

    @classmethod
    def supervised(cls) -> bool:
        return bool(cls.needs)

    @classmethod
    def own_width(cls) -> bool:
        """Whether it has a width of its own, whatever is asked for."""
        return cls.width is not Method.width

    def settings(self) -> dict[str, Any]:
        """All hyperparameters by name, but for those of LATER at their defaults."""
        own = ((field, getattr(self, field.name)) for field in dataclasses.fields(self))
        return {field.name: value for field, value in own if value != field.default or field.name not in LATER}

    @classmethod
    def search_space(cls, fixed: Iterable[str] = ()) -> dict[str, dataclasses.Field[Any]]:
        """The hyperparameters that are tuned: those with a search range, but for what a variant fixes, and for what
        means nothing to its kind."""
        left_out = {*fixed, *cls.unused()}
        return {k: f for k, f in cls.parameters().items() if f.metadata.get("search") and k not in left_out}

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> Method:
        """An instance with `settings`, given as values or as text.

        Raises UserError for an unknown name, a value of the wrong type or one that is not valid, and for one that means
        nothing to a method of its kind.
        """
        fields = cls.parameters()
        for key in settings:
            if key not in fields:
                raise unknown(f"hyperparameter of {cls.name}", key, fields)
        built = cls(**settings)
        for key in cls.unused() & settings.keys():
            if getattr(built, key) != fields[key].default:
                raise UserError(f"{cls.name}.{key} means nothing: its {cls.hook()}() goes through no optimiser")
        return built
