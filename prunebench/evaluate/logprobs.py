"""Log-probabilities in float32 from logits of any dtype, without a float32 copy of all of them."""

import torch
from torch import Tensor

# Elements of float32 held at once: on the CPU what its cache keeps, elsewhere enough to fill the device.
_CHUNK = {"cpu": 2**19}
_CHUNK_ELSEWHERE = 2**26


def log_normalizer(logits: Tensor) -> Tensor:
    """log sum_v exp(logits[t, v]) for each position: what log-softmax subtracts.

    Args:
        logits: (positions, vocabulary), any floating dtype.

    Returns:
        (positions,) float32; NaN where a logit is NaN.
    """
    rows = max(1, _CHUNK.get(logits.device.type, _CHUNK_ELSEWHERE) // logits.shape[-1])
    return torch.cat([chunk.float().logsumexp(-1) for chunk in logits.split(rows)])
