"""The work of one kind of evaluation of one cell, and how many windows and items there are."""

from collections.abc import Mapping
from pathlib import Path

from prunebench.config.load import Config
from prunebench.config.protocols import Protocol
from prunebench.config.schema import Kind
from prunebench.config.shape import Shape
from prunebench.cost.work import CellWork, Work, forward
from prunebench.evaluate.packing import pack_tokens
from prunebench.layout import WINDOWS

Counts = Mapping[str, int]  # windows of each text, items of each task

# Where the data registry does not say.
_TEXT_TOKENS = 300_000
_ITEMS, _ITEM_TOKENS = 2000, 80

_SCORED = 0.5  # of an item's tokens that the head is applied to
_ITEM_SECONDS = 7e-3  # of the harness: the prompt of an item filled in, tokenised, scored (measured 2026-11)
_CONTEXT_SECONDS = 1.0  # of lm-eval's import and its tasks, once a job (measured 2026-11)
_PROMPT_TOKENS = 4  # of the text that is continued


def evaluate_work(
    kind: Kind, shape: Shape, protocol: Protocol, counts: Counts, tokens: Mapping[str, int], stored: float, device: str
) -> CellWork:
    """Of one cell of a dense or masked model; structured ones have less to do, which is left out.

    Args:
        counts: windows or items of the datasets that are measured.
        tokens: of an item, by task.
        stored: bytes of the patch.
        device: `cpu` or `cuda`.
    """
    around = Work(elements=3.0 * shape.parameters, stored=stored)
    if kind == "zeroshot":
        own = _zeroshot(shape, protocol, counts, tokens, pack_tokens(device))
        return CellWork(own, around, once=Work(seconds=_CONTEXT_SECONDS))
    return CellWork(_OWN[kind](shape, protocol, counts), around)


def dataset_counts(config: Config, kind: Kind, shape: Shape, model: str, only: tuple[str, ...] = ()) -> Counts:
    """The windows or items of every dataset of one kind, or of `only` some.

    Windows that are there already are counted, others follow from the registry's number of tokens.
    """
    protocol = config.protocol_spec
    if kind == "perplexity":
        return {text: _windows(config, shape, model, text) for text in only or protocol.perplexity.texts}
    if kind == "zeroshot":
        limit = protocol.zeroshot.limit
        items = {task: config.data.tasks[task].items or _ITEMS for task in only or config.zeroshot_tasks}
        return {task: min(count, limit or count) for task, count in items.items()}
    return {}


def item_tokens(config: Config) -> dict[str, int]:
    """How many tokens a model reads for one item of each registered task."""
    return {name: task.tokens or _ITEM_TOKENS for name, task in config.data.tasks.items()}


def _windows(config: Config, shape: Shape, model: str, text: str) -> int:
    settings = config.protocol_spec.perplexity
    path = Path(WINDOWS.format(protocol=config.protocol, model=model, text=text))
    length = min(settings.window, shape.positions)
    if path.is_file():
        return max(1, path.stat().st_size // (4 * length))  # int32 ids and a short header
    found = max(1, (config.data.texts[text].tokens or _TEXT_TOKENS) // length)
    return min(found, settings.max_windows or found)


def _perplexity(shape: Shape, protocol: Protocol, counts: Counts) -> Work:
    length = min(protocol.perplexity.window, shape.positions)
    return forward(shape, sum(counts.values()), length, logits=length)


def _zeroshot(shape: Shape, protocol: Protocol, counts: Counts, tokens: Mapping[str, int], most: int) -> Work:
    shots = 1 + protocol.zeroshot.num_fewshot
    read = sum(count * tokens.get(task, _ITEM_TOKENS) * shots for task, count in counts.items())
    pack = max(min(most, read), 1)
    packs = forward(shape, read / pack, pack, logits=pack * _SCORED / shots)
    return packs + Work(seconds=_ITEM_SECONDS * sum(counts.values()))


def _generation(shape: Shape, protocol: Protocol, counts: Counts) -> Work:
    steps = protocol.generation.max_new_tokens
    return forward(shape, steps, _PROMPT_TOKENS + steps / 2, logits=_PROMPT_TOKENS + steps / 2)


def _speed(shape: Shape, protocol: Protocol, counts: Counts) -> Work:
    settings = protocol.speed
    new = min(settings.new_tokens, shape.positions // 2)
    prompt = forward(shape, 1, min(settings.prompt_tokens, shape.positions - new), logits=1)
    # Each turn both models, one more of either to warm up, and a prompt that is counted while it is read.
    return (prompt + forward(shape, new, 1, logits=1)) * (2 * settings.repetitions + 2) + prompt * 2


def _internals(shape: Shape, protocol: Protocol, counts: Counts) -> Work:
    settings, calibration = protocol.internals, protocol.calibration
    rows = min(calibration.seqlen, shape.positions)
    small, large = sorted((shape.hidden, shape.ffn))
    matrices = 2.0 * len(settings.spectra)
    spectra = Work(double=matrices * 2 * small**2 * large, decompositions=matrices * 4 * small**3)
    pairs = shape.heads * (shape.heads - 1) / 2
    heads = len(settings.heads) * pairs * calibration.nsamples * rows**2
    deepest = max((block % shape.blocks + 1 for block in settings.heads), default=0)
    blocks = forward(shape, calibration.nsamples, rows) * (deepest / shape.blocks)
    return spectra + blocks + Work(elements=_PAIR * heads)


_PAIR = 25  # elementwise passes over what two heads attend to

_OWN = {
    "perplexity": _perplexity,
    "generation": _generation,
    "speed": _speed,
    "internals": _internals,
}
