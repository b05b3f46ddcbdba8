"""One kind of evaluation of one pruned model: what a job calls for each of its cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from prunebench.config.protocols import Protocol
from prunebench.config.schema import Kind
from prunebench.evaluate.generation import continuation
from prunebench.evaluate.internals import internals
from prunebench.evaluate.perplexity import perplexity
from prunebench.evaluate.speed import speed
from prunebench.results.expected import Pair
from prunebench.results.records import Measurement

if TYPE_CHECKING:
    from prunebench.evaluate.zeroshot import ZeroShotSuite


@dataclass
class EvaluationContext:
    """What the evaluations of a sweep share, made once. A kind's inputs may be left out if it is not run.

    Attributes:
        windows: text name -> (n, window) token ids.
        tasks: task name -> folder of its asset.
        dense: the dense model on the device of those that are evaluated, for speed.
        blocks: what is looked at of which block, for internals.
        calibration: (samples, tokens) token ids, for the attention heads of internals.
    """

    protocol: Protocol
    tokenizer: PreTrainedTokenizerBase
    windows: Mapping[str, Tensor] = field(default_factory=dict)
    tasks: Mapping[str, Path] = field(default_factory=dict)
    dense: nn.Module | None = None
    blocks: Sequence[Pair] = ()
    calibration: Tensor | None = None

    @cached_property
    def zeroshot(self) -> "ZeroShotSuite":
        """The protocol's zero-shot tasks, loaded when first asked for."""
        from prunebench.evaluate.zeroshot import ZeroShotSuite  # imports lm-eval, which takes a second

        settings = self.protocol.zeroshot
        return ZeroShotSuite(self.tasks, self.tokenizer, settings.limit, settings.num_fewshot)


def evaluate_kind(kind: Kind, model: nn.Module, context: EvaluationContext) -> list[Measurement]:
    """Evaluate a model, which is left as it was.

    Args:
        kind: `perplexity` gives one measurement per text, `zeroshot` up to two per task, `generation` one,
            `speed` and `internals` what `evaluate.speed.speed` and `evaluate.internals.internals` say.
    """
    if kind == "perplexity":
        return [perplexity(model, windows, text) for text, windows in context.windows.items()]
    if kind == "zeroshot":
        return context.zeroshot.run(model)
    if kind == "speed":
        if context.dense is None:
            raise ValueError("speed is measured beside the dense model, which the context lacks")
        return speed(model, context.dense, context.protocol.speed)
    if kind == "internals":
        return internals(model, context.blocks, context.protocol.internals, context.calibration)
    settings = context.protocol.generation
    return [continuation(model, context.tokenizer, settings.prompt, settings.max_new_tokens)]
