"""Numbers of a method's page, for reading."""

from markupsafe import Markup, escape

from prunebench.reports.display import METRICS, split_number
from prunebench.reports.method.cells import Number, Rank
from prunebench.reports.source import Source

_TITLES = {
    "sparsity": "Sparsity of the prunable weights",
    "parameters": "Parameters",
    "effective_sparsity": "Share of all parameters that is gone",
    "pruned_heads": "Attention heads that are gone",
    "train_loss": "Training loss, nats per token, at step",
    "validation_loss": "Validation loss, nats per token, at step",
    "prefill_tokens_per_second": "Tokens per second, prompt",
    "decode_tokens_per_second": "Tokens per second, generation",
    "first_token_seconds": "Seconds to the first token",
    "prefill_speedup": "Speedup over the dense model, prompt",
    "decode_speedup": "Speedup over the dense model, generation",
    "inference_memory_gb": "Peak memory of inference, GB",
    "flops": "FLOPs of a prompt",
    "flops_counted": "FLOPs of a prompt, counted",
    "singular_value": "Singular value",
    "head_distance": "Distance of attention heads",
}


def title(source: Source, metric: str, dataset: str) -> str:
    """What was measured, and on what."""
    if metric in METRICS:
        how = METRICS[metric]
        return f"{how.title}{f' ({how.unit})' if how.unit else ''}, {source.title('datasets', dataset)}"
    named = _TITLES.get(metric, metric.replace("_", " "))
    return f"{named}: {dataset}" if dataset else named


def value(metric: str, number: float) -> Markup:
    """A number as tables show it; a dash where there is none."""
    if number != number:
        return Markup("–")
    if metric in METRICS:
        mantissa, power = split_number(number, METRICS[metric])
        return Markup("{}×10<sup>{}</sup>").format(mantissa, power) if power else escape(mantissa)
    if number.is_integer() and abs(number) < 1e15:
        return escape(f"{number:,.0f}")
    return escape(f"{number:.4g}")


def interval(number: Number) -> Markup:
    """Its 95 % interval; nothing where it has none."""
    if number.low != number.low:
        return Markup("")
    return Markup("{} to {}").format(value(number.metric, number.low), value(number.metric, number.high))


def rank(found: Rank | None) -> str:
    """`2 of 9, 1 to 4 possible`; nothing where it has none."""
    if found is None:
        return ""
    among = f" of {found.among:.0f}" if found.among == found.among else ""
    known = found.best == found.best and (found.best, found.worst) != (found.place, found.place)
    possible = f" ({found.best:.0f} to {found.worst:.0f} possible)" if known else ""
    return f"{found.place:.0f}{among}{possible}"


def seconds(amount: float) -> str:
    """A wall time: `850 ms`, `12.3 s`, `4.5 min`, `2.1 h`; nothing where it is not known."""
    if amount != amount:
        return ""
    if amount < 1:
        return f"{1000 * amount:.0f} ms"
    if amount < 100:
        return f"{amount:.1f} s"
    return f"{amount / 60:.1f} min" if amount < 6000 else f"{amount / 3600:.1f} h"
