"""Scores of units against loops in double precision over the coupled weights, by the published formulas."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from prunebench.engine.statistics import InputStatistics
from prunebench.errors import PrunebenchError
from prunebench.models.units import unit_modules
from prunebench.plugins.loader import call_with_extras, load_method
from tests.oracles import METHODS_FOLDER, correlated_samples, wanda_norm
from tests.tiny_models import tiny_model

HEAD_DIM = 16
MODELS = ["llama", "gpt2", "opt"]
KINDS = ["attention", "mlp"]


class Setting:
    """A module of a tiny model, the inputs of its exit, gradients, and its weights taken apart by hand.

    `coupled[u]` lists unit u's vectors, one for each channel of each linear: (weights, gradients, squared gradients).
    `exit[u]` lists the columns of the exit, and `channels[u]` their numbers.
    """

    def __init__(self, model_type, kind):
        model = tiny_model(model_type, seed=4)
        self.module = unit_modules(model)[1][KINDS.index(kind)]
        entrance = _by_hand(model_type, kind)
        self.grouped = model_type == "llama"
        rng = np.random.default_rng(7)
        self.gradients, parts = {}, {}
        for name, view in self.module.linears.items():
            each = [0.1 * rng.normal(size=tuple(view.weight.shape)) for _ in range(3)]
            mean, square = sum(each) / 3, sum(g**2 for g in each) / 3
            self.gradients[name] = (torch.tensor(mean).float(), torch.tensor(square).float())
            parts[name] = mean, square
        self.coupled, self.exit, self.channels = [], [], []
        for unit in range(self.module.units):
            vectors = []
            for suffix, rows_of in entrance:
                name, view = next((n, v) for n, v in self.module.linears.items() if n.endswith(suffix))
                W = view.weight.double().numpy()
                vectors += [(W[r], parts[name][0][r], parts[name][1][r]) for r in rows_of(unit)]
            columns = self.channels_of(unit, kind)
            W = self.module.output.weight.double().numpy()
            g, h = parts[self.module.output.name]
            vectors += [(W[:, c], g[:, c], h[:, c]) for c in columns]
            self.coupled.append(vectors)
            self.exit.append([W[:, c] for c in columns])
            self.channels.append(columns)
        self.samples = correlated_samples(self.module.columns.numel(), [19, 30, 7], seed=3, offset=0.7)
        self.all_tokens = np.concatenate(self.samples).astype(np.float64)

    def channels_of(self, unit, kind):
        if kind == "mlp":
            return [unit]
        width = HEAD_DIM * (2 if self.grouped else 1)
        return list(range(unit * width, (unit + 1) * width))

    def score(self, spec, seed=0):
        method = load_method(spec, [METHODS_FOLDER])
        inputs = InputStatistics([need for need in method.header.needs if need != "gradients"], False)
        for sample in self.samples:
            inputs.update(torch.from_numpy(sample)[None], samples=1)
        module = self.module
        if "gradients" in method.header.needs:
            module = dataclasses.replace(module, gradients=self.gradients)
        extras = {**method.params, "generator": torch.Generator().manual_seed(seed)}
        score = call_with_extras(method.function, extras, module, inputs)
        return score.double().numpy()


def _by_hand(model_type, kind):
    """The entrance's linears by the end of their names, with the rows of a unit, as each architecture has them."""

    def heads(n, offset=0):
        return lambda unit: range(offset + unit * n, offset + (unit + 1) * n)

    if kind == "mlp":
        one = heads(1)
        names = {"llama": ["gate_proj", "up_proj"], "gpt2": ["c_fc"], "opt": ["fc1"]}[model_type]
        return [(name, one) for name in names]
    if model_type == "llama":
        return [("q_proj", heads(2 * HEAD_DIM)), ("k_proj", heads(HEAD_DIM)), ("v_proj", heads(HEAD_DIM))]
    if model_type == "opt":
        return [(f"{role}_proj", heads(HEAD_DIM)) for role in "qkv"]
    return [("c_attn", heads(HEAD_DIM, offset)) for offset in (0, 64, 128)]


@pytest.fixture(params=[(m, k) for m in MODELS for k in KINDS], ids=lambda p: "-".join(p))
def setting(request):
    return Setting(*request.param)


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=2e-4)
    assert np.ptp(wanted) > 0


@pytest.mark.parametrize("p", [1, 2])
def test_magnitude_sums_over_everything_that_is_coupled(setting, p):
    wanted = [math.fsum(abs(w) ** p for vector, _, _ in unit for w in vector) for unit in setting.coupled]
    close(setting.score(f"magnitude_units@p={p}"), wanted)


def test_mag_sp_is_the_norm_of_each_column_of_the_exit(setting):
    wanted = [[math.sqrt(math.fsum(w * w for w in column)) for column in unit] for unit in setting.exit]
    close(setting.score("mag_sp"), wanted)


def test_wanda_sp_is_the_mean_of_wandas_scores_in_a_column(setting):
    norm = wanda_norm(setting.samples)
    wanted = [
        [math.fsum(abs(w) * norm[c] for w in column) / len(column) for c, column in zip(channels, unit, strict=True)]
        for channels, unit in zip(setting.channels, setting.exit, strict=True)
    ]
    close(setting.score("wanda_sp"), wanted)


@pytest.mark.parametrize("metric", ["wifv", "ifv"])
def test_flap_is_the_fluctuation_of_the_input_times_the_columns_squared_norm(setting, metric):
    var = setting.all_tokens.var(0, ddof=1)
    wanted = []
    for channels, unit in zip(setting.channels, setting.exit, strict=True):
        of_unit = []
        for c, column in zip(channels, unit, strict=True):
            score = var[c] * (math.fsum(w * w for w in column) if metric == "wifv" else 1)
            of_unit.append(score**2 if setting.module.kind == "attention" else score)
        wanted.append(of_unit)
    close(setting.score(f"flap@metric={metric}"), wanted)


@pytest.mark.parametrize("criterion", ["vector", "element1", "element2", "mixed"])
def test_llm_pruner_expands_the_loss_in_every_coupled_weight(setting, criterion):
    def of(w, g, h):
        triples = list(zip(w, g, h, strict=True))
        match criterion:
            case "vector":
                return abs(math.fsum(w * g for w, g, _ in triples))
            case "element1":
                return math.fsum(abs(w * g) for w, g, _ in triples)
            case "element2":
                return math.fsum(abs(w * h * w) for w, _, h in triples)
        return math.fsum(abs(w * g - 0.5 * w * h * w) for w, g, h in triples)

    wanted = [math.fsum(of(*vector) for vector in unit) for unit in setting.coupled]
    close(setting.score(f"llm_pruner@criterion={criterion}"), wanted)


def test_random_scores_depend_on_the_seed_alone():
    setting = Setting("llama", "mlp")
    first, again, other = (setting.score("random_units", seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert len(set(first)) == setting.module.units


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("flap@metric=wifn", "unknown value of 'metric' 'wifn' .*did you mean 'wifv'"),
        ("llm_pruner@criterion=l3", "unknown value of 'criterion' 'l3' .*known: element1, element2, mixed, vector"),
    ],
)
def test_unknown_choices_are_named(spec, message):
    with pytest.raises(PrunebenchError, match=message):
        Setting("llama", "mlp").score(spec)
