"""PruneNet: a policy learns which FFN rows keep a matrix's spectrum. Sengupta et al., ICLR 2025."""

import torch

from prunebench.engine.policy import learn_policy, most_important, noisy_log_importance, sample_order
from prunebench.engine.spectra import anderson_darling, kolmogorov_smirnov, singular_values
from prunebench.errors import NotApplicable, PrunebenchError
from prunebench.models.units import unit_modules
from prunebench.sparsity.units import remove_units

METHOD = {
    "title": "PruneNet",
    "family": "structured",
    "origin": "human",
    "patterns": ["structured"],
    "cite": "sengupta2025prunenet",
    "units": {"share_of": "pruned"},
    "params": {
        "mode": "stochastic",
        "state": "ffn1",
        "reward": "ks",
        "policy_ratio": 0.0,
        "layers": "uniform",
        "episodes": 20,
        "lr": 0.0005,
        "gamma": 0.99,
    },
    "choices": {
        "mode": ["stochastic", "deterministic", "random"],
        "state": ["ffn1", "gate", "ffn2", "attention"],
        "reward": ["ks", "ad"],
        "layers": ["uniform", "rising", "falling"],
    },
}
# Which module loses units, and whose weights the policy sees. The released code has `gate` where the paper has W_up.
STATES = {"ffn1": ("mlp", "up"), "gate": ("mlp", "gate"), "ffn2": ("mlp", "out"), "attention": ("attention", "q")}
DISTANCES = {"ks": kolmogorov_smirnov, "ad": anderson_darling}
# Shares of the ratio by depth (0 to 1), with a mean of one.
LAYERS = {"uniform": lambda depth: 1.0, "rising": lambda depth: 2 * depth, "falling": lambda depth: 2 - 2 * depth}


def prune_model(
    model, calibration, target, mode, state, reward, policy_ratio, layers, episodes, lr, gamma, generator, note, facts
):
    """Remove int(ratio * n) FFN channels, or heads, of each block, with the policy of the best episode.

    policy_ratio: the ratio the policy is learned at (0: the target's); targets that share one learn it once.

    The released code differs: it prunes with the policy of the last episode (the best when it is loaded), takes a step
    of 1e-3 after every layer, has biases in the network, and maximises gamma^i / KS times the sum of the logarithms of
    newly drawn scores (eq. 4), which are no probabilities of what was drawn.

    Do not expect the penalty to fall (papers/prunenet/README.md has the figures). A row's score is its product with one
    vector and follows its sign, so the policy cannot prefer long rows, which would lower the distance most. That vector
    is a sum over the rows of W_inter: one step of 5e-4 moves it by most of its size.
    Returns (units,) bool for each module, True = kept.
    """
    if not 0 <= policy_ratio < 1 or episodes < 1:
        raise PrunebenchError("prunenet: policy_ratio is in [0, 1), and there is at least one of episodes")
    kind, role = STATES[state]
    modules = [module for block in unit_modules(model) for module in block if module.kind == kind]
    if state == "gate" and "gate" not in modules[0].rows:
        raise NotApplicable("state=gate: the MLPs have no gate")
    states = [module.tensor(role).weight.cpu() for module in modules]  # where the random numbers are
    # A stream of its own, so that what is pruned does not depend on whether the policy was already there.
    learning = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))
    if len({tuple(matrix.shape) for matrix in states}) > 1:
        raise NotApplicable("one policy fits modules of one size, and those of this model differ")

    def counts(ratio):
        shares = [LAYERS[layers](depth) * ratio for depth in torch.linspace(0, 1, len(modules)).tolist()]
        if max(shares) >= 1:
            raise NotApplicable(f"layers={layers} takes up to {max(shares):.0%} of a layer")
        # The product is rounded first, because 10 * (1 - 0.9) is a little less than 1.
        return [max(int(round(module.units * (1 - s), 6)), 1) for module, s in zip(modules, shares, strict=True)]

    def spectrum(index, kept):  # where the model is: the one thing here that takes long
        return singular_values(modules[index].tensor(role).weight[kept].flatten(0, 1)).cpu()

    ratio = policy_ratio or target.sparsity

    def learned():
        every = torch.arange(len(states[0]))
        spectra = [spectrum(index, every) for index in range(len(modules))]

        def penalty(index, kept):
            return DISTANCES[reward](spectra[index], spectrum(index, kept))

        return learn_policy(
            states, counts(ratio), penalty, learning,
            episodes=episodes, learning_rate=lr, gamma=gamma, deterministic=mode == "deterministic",
        )  # fmt: skip

    policy = None
    if mode != "random":
        settings = mode, state, reward, ratio, layers, episodes, lr, gamma, learning.initial_seed()
        policy, history = facts.once(f"policy {settings}", learned)
        note(f"policy: mean {reward.upper()} penalty {history[0]:.4f} at first, {min(history):.4f} at best")
    kept_units = {}
    for module, matrix, count in zip(modules, states, counts(target.sparsity), strict=True):
        if policy is None:
            order = torch.randperm(module.units, generator=generator)
        elif mode == "deterministic":
            order = most_important(policy(matrix))
        else:
            order = sample_order(noisy_log_importance(policy(matrix), generator), generator)
        kept = torch.zeros(module.units, dtype=torch.bool)
        kept[order[:count]] = True
        remove_units(module, ~kept)
        kept_units[module.name] = kept
    return kept_units
