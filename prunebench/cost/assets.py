"""What comes before the cells, models, texts, tasks and token ids: seconds and bytes of those that are not there."""

from dataclasses import dataclass
from pathlib import Path

from prunebench.config.load import Config, needed_texts
from prunebench.config.registry import TrainSource
from prunebench.cost.jobs import Costs
from prunebench.cost.rates import cpu_rates
from prunebench.cost.work import BYTES, forward
from prunebench.layout import CALIBRATION, MODEL, TASK, TEXT, WINDOWS

# Measured 2026-11 on 2 cores: an index nearby, the texts and tasks of the default run.
_FETCH_SECONDS, _FETCH_RATE = 2.0, 2e7  # of each asset; bytes/s of a model, conversion included
_TOKENIZE_SECONDS = 4.0  # of one text for one model, most of it imports
_DATA_BYTES = 2.5e7  # of a text or a task, its download included
_MODEL_COPIES = 1.6  # a model as it came and as it is kept
_UPDATE_SECONDS = 6e-3  # of an optimiser's step on a tiny model


@dataclass(frozen=True)
class Cost:
    """Seconds of all cores' jobs together, and bytes that stay."""

    seconds: float = 0.0
    stored: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.seconds + other.seconds, self.stored + other.stored)


def model_cost(costs: Costs, model: str) -> Cost:
    """Of fetching or training a model and making its token ids."""
    config, protocol = costs.config, costs.config.protocol_spec
    shape, source = costs.shape(model), config.model_registry[model].source
    total = Cost()
    if not Path(MODEL.format(model=model)).is_file():
        size = shape.parameters * BYTES[costs.dtype]
        if isinstance(source, TrainSource):
            sequences = source.steps * source.batch
            once = forward(shape, sequences, source.positions, logits=source.positions, batch=source.batch)
            total += Cost(cpu_rates("float32", config.threads).seconds(once * 3) + _UPDATE_SECONDS * source.steps, size)
        else:
            total += Cost(_FETCH_SECONDS + size / _FETCH_RATE, size * _MODEL_COPIES)
    ids = {"protocol": config.protocol, "model": model}
    files = [Path(CALIBRATION.format(**ids, seed=seed)) for seed in config.seeds]
    files += [Path(WINDOWS.format(**ids, text=text)) for text in protocol.perplexity.texts]
    absent = sum(not file.is_file() for file in files)
    rows = protocol.calibration.nsamples * protocol.calibration.seqlen * len(config.seeds)
    return total + Cost(absent * _TOKENIZE_SECONDS, 4.0 * rows * bool(absent))


def data_cost(config: Config) -> Cost:
    """Of fetching texts and tasks."""
    training = [config.model_registry[model].training_text for model in config.models]
    texts = dict.fromkeys([*needed_texts(config), *filter(None, training)])
    files = [TEXT.format(text=text) for text in texts]
    if "zeroshot" in config.evaluate:
        files += [TASK.format(task=task) for task in config.zeroshot_tasks]
    absent = sum(not Path(file).is_file() for file in files)
    return Cost(absent * _FETCH_SECONDS, absent * _DATA_BYTES)
