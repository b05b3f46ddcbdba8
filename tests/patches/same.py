"""What "bit-identical" means, written independently of the package."""

import torch
from torch import Tensor, nn

_WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def differing_bits(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return True
    words = _WORDS[a.element_size()]
    return bool((a.detach().contiguous().view(words) != b.detach().contiguous().view(words)).any())


def differing_tensors(a: nn.Module, b: nn.Module) -> list[str]:
    """Names whose tensors differ in a bit, a shape or a type, or that only one of the models has."""
    left, right = a.state_dict(), b.state_dict()
    names = left.keys() | right.keys()
    return sorted(n for n in names if n not in left or n not in right or differing_bits(left[n], right[n]))
