"""Random numbers for methods."""

import hashlib

import torch


def generator_for(seed: int, name: str) -> torch.Generator:
    """A random stream of its own for each (seed, layer): order of layers and of methods does not matter."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
