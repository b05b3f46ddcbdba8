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
}
# Which module loses units, and whose weights the policy sees. The released code has `gate` where the paper has W_up.
STATES = {"ffn1": ("mlp", "up"), "gate": ("mlp", "gate"), "ffn2": ("mlp", "out"), "attention": ("attention", "q")}
DISTANCES = {"ks": kolmogorov_smirnov, "ad": anderson_darling}
MODES = ("stochastic", "deterministic", "random")
# Shares of the ratio by depth (0 to 1), with a mean of one.
LAYERS = {"uniform": lambda depth: 1.0, "rising": lambda depth: 2 * depth, "falling": lambda depth: 2 - 2 * depth}


def prune_model(
    model, calibration, target, mode, state, reward, policy_ratio, layers, episodes, lr, gamma, generator, note
):
    """Remove int(ratio * n) FFN channels, or heads, of each block, with the policy of the best episode.

    The released code prunes with the policy of the last episode instead, or the best when it is loaded; penalises by
    gamma^i / KS; and learns at 1e-3.  policy_ratio: the ratio the policy is learned at (0: the target's).
    Returns (units,) bool for each module, True = kept.
    """
    for key, value, known in (("mode", mode, MODES), ("state", state, STATES), ("reward", reward, DISTANCES),
                              ("layers", layers, LAYERS)):  # fmt: skip
        if value not in known:
            raise PrunebenchError(f"prunenet: {key}={value} is none of {', '.join(known)}")
    if not 0 <= policy_ratio < 1 or episodes < 1:
        raise PrunebenchError("prunenet: policy_ratio is in [0, 1), and there is at least one of episodes")
    kind, role = STATES[state]
    modules = [module for block in unit_modules(model) for module in block if module.kind == kind]
    if state == "gate" and "gate" not in modules[0].rows:
        raise NotApplicable("state=gate: the MLPs have no gate")
    states = [module.tensor(role).weight.cpu() for module in modules]  # where the random numbers are
    if len({tuple(matrix.shape) for matrix in states}) > 1:
        raise NotApplicable("one policy fits modules of one size, and those of this model differ")

    def counts(ratio):
        shares = [LAYERS[layers](depth) * ratio for depth in torch.linspace(0, 1, len(modules)).tolist()]
        if max(shares) >= 1:
            raise NotApplicable(f"layers={layers} takes up to {max(shares):.0%} of a layer")
        # The product is rounded first, because 10 * (1 - 0.9) is a little less than 1.
        return [max(int(round(module.units * (1 - s), 6)), 1) for module, s in zip(modules, shares, strict=True)]

    policy = None
    if mode != "random":
        spectra = [singular_values(matrix.flatten(0, 1)) for matrix in states]

        def penalty(index, kept):
            return DISTANCES[reward](spectra[index], singular_values(states[index][kept].flatten(0, 1)))

        policy, history = learn_policy(
            states, counts(policy_ratio or target.sparsity), penalty, generator,
            episodes=episodes, learning_rate=lr, gamma=gamma, deterministic=mode == "deterministic",
        )  # fmt: skip
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
