"""What is known of the dense model whatever is pruned: worked out for a sweep's first target, kept for the others."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

Fact = TypeVar("Fact")


class DenseFacts:
    """Facts about one dense model on one set of calibration data; never shared between models.

    Attributes:
        seconds_saved: what the facts that were found again had taken, so that a cell can be charged with what it
            would have cost alone.
    """

    def __init__(self) -> None:
        self.seconds_saved = 0.0
        self._facts: dict[str, tuple[Any, float]] = {}

    def once(self, name: str, work: Callable[[], Fact]) -> Fact:
        """The result of `work`, done the first time that `name` is asked for."""
        if name in self._facts:
            fact, seconds = self._facts[name]
            self.seconds_saved += seconds
        else:
            started = time.perf_counter()
            fact = work()
            self._facts[name] = fact, time.perf_counter() - started
        known: Fact = fact
        return known
