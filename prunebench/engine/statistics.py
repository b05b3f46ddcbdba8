"""Statistics of a layer's input, gathered in fp32 while calibration data streams through."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from prunebench.errors import PrunebenchError

NEEDS = ("input_sq_norm", "input_mean", "input_var", "gram")


@dataclass(frozen=True)
class WeightGradients:
    """Of one weight (out, in), fp32: the sums over samples of |g| and of g^2, g the gradient of one sample's loss."""

    absolute: Tensor
    squared: Tensor

    @classmethod
    def zeros(cls, shape: Sequence[int]) -> Self:
        """Nothing yet, for a weight of this shape."""
        return cls(torch.zeros(*shape), torch.zeros(*shape))

    def add(self, gradient: Tensor) -> None:
        """Count the gradient (out, in) of one more sample."""
        self.absolute.add_(gradient.abs())
        self.squared.addcmul_(gradient, gradient)

    def to(self, device: torch.device) -> "WeightGradients":
        """The same on another device."""
        return WeightGradients(self.absolute.to(device), self.squared.to(device))


@dataclass(frozen=True)
class TaylorGradients:
    """Of one weight (out, in), fp32: the sums over samples of g and of g^2, g the gradient of one sample's loss."""

    signed: Tensor
    squared: Tensor

    @classmethod
    def zeros(cls, shape: Sequence[int]) -> Self:
        """Nothing yet, for a weight of this shape."""
        return cls(torch.zeros(*shape), torch.zeros(*shape))

    def add(self, gradient: Tensor) -> None:
        """Count the gradient (out, in) of one more sample."""
        self.signed.add_(gradient)
        self.squared.addcmul_(gradient, gradient)


class InputStatistics:
    """What a method may know of the tensor X (tokens, in) that a layer reads; all fp32.

    Only what the method's `needs` names is gathered; asking for anything else is an error.

    Attributes:
        after_norm: whether X comes straight out of a LayerNorm or RMSNorm.
        tokens, samples: how many tokens, and how many calibration sequences, were seen.
    """

    def __init__(self, needs: Sequence[str], after_norm: bool) -> None:
        if unknown := sorted(set(needs) - set(NEEDS)):
            raise PrunebenchError(f"the engine does not gather {unknown[0]!r}; it gathers {', '.join(NEEDS)}")
        self.after_norm = after_norm
        self.tokens = 0
        self.samples = 0
        self._needs = frozenset(needs)
        self._sums: dict[str, Tensor] = {}
        self._gradients: WeightGradients | None = None

    @torch.no_grad()
    def update(self, x: Tensor, samples: int) -> None:
        """Add the input (..., in) of `samples` calibration sequences."""
        x = x.reshape(-1, x.shape[-1]).float()
        if "input_sq_norm" in self._needs:
            self._add("sq_norm", x.square().sum(0))
        if "input_mean" in self._needs or "input_var" in self._needs:
            self._update_moments(x)
        if "gram" in self._needs:
            if "gram" not in self._sums:
                self._sums["gram"] = x.new_zeros(x.shape[-1], x.shape[-1])
            self._sums["gram"].addmm_(x.T, x)
        self.tokens += len(x)
        self.samples += samples

    def with_gradients(self, gradients: WeightGradients) -> Self:
        """The same statistics for one of the layers that share this input, with the gradients of its weight."""
        own = copy.copy(self)
        own._gradients = gradients
        return own

    def state(self) -> dict[str, Tensor]:
        """What has been gathered, by name: with `tokens`, `samples` and the needs, all there is to know."""
        gradients = self._gradients
        return self._sums | ({} if gradients is None else {"grad_l1": gradients.absolute, "grad_sq": gradients.squared})

    @classmethod
    def restore(
        cls, needs: Sequence[str], after_norm: bool, tokens: int, samples: int, state: dict[str, Tensor]
    ) -> Self:
        """The statistics whose `state` this is, in another process."""
        statistics = cls(needs, after_norm)
        statistics.tokens, statistics.samples, statistics._sums = tokens, samples, dict(state)
        if "grad_l1" in state:
            gradients = WeightGradients(statistics._sums.pop("grad_l1"), statistics._sums.pop("grad_sq"))
            return statistics.with_gradients(gradients)
        return statistics

    @property
    def needs(self) -> list[str]:
        """What is gathered of the inputs, sorted."""
        return sorted(self._needs)

    def _add(self, name: str, value: Tensor) -> None:
        self._sums[name] = self._sums[name] + value if name in self._sums else value

    def _update_moments(self, x: Tensor) -> None:
        # Chan et al.'s merge of (mean, sum of squared deviations): E[x^2] - E[x]^2 would cancel in fp32.
        mean = x.mean(0)
        deviations = (x - mean).square().sum(0)
        if not self.tokens:
            self._sums |= {"mean": mean, "deviations": deviations}
            return
        total = self.tokens + len(x)
        shift = mean - self._sums["mean"]
        self._sums["mean"] = self._sums["mean"] + shift * (len(x) / total)
        self._sums["deviations"] += deviations + shift.square() * (self.tokens * len(x) / total)

    def _get(self, name: str, need: str) -> Tensor:
        if need not in self._needs:
            raise PrunebenchError(f"the method reads the inputs' {name} but its METHOD['needs'] lacks {need!r}")
        return self._sums[name]

    @property
    def sq_norm(self) -> Tensor:
        """(in,) sum over tokens of x^2."""
        return self._get("sq_norm", "input_sq_norm")

    @property
    def l2_norm(self) -> Tensor:
        """(in,) sqrt of the mean over *samples* of the sum over tokens of x^2: ||X_j|| as Wanda's code scales it."""
        return (self.sq_norm / self.samples).sqrt()

    @property
    def mean(self) -> Tensor:
        """(in,) mean over tokens."""
        return self._get("mean", "input_mean")

    @property
    def var(self) -> Tensor:
        """(in,) unbiased variance over tokens."""
        return self._get("deviations", "input_var") / max(self.tokens - 1, 1)

    @property
    def grad_l1(self) -> Tensor:
        """(out, in) sum over samples of |gradient of the dense model's mean loss by this layer's weight|."""
        return self._weight_gradients.absolute.clone()  # the original serves the sweep's other targets

    @property
    def grad_l2(self) -> Tensor:
        """(out, in) sqrt of the sum over samples of the squared gradient of the dense model's mean loss."""
        return self._weight_gradients.squared.sqrt()

    @property
    def _weight_gradients(self) -> WeightGradients:
        if self._gradients is None:
            raise PrunebenchError("the method reads its weight's gradients but its METHOD['needs'] lacks 'gradients'")
        return self._gradients

    @property
    def gram(self) -> Tensor:
        """(in, in) X^T X, summed over tokens."""
        return self._get("gram", "gram")
