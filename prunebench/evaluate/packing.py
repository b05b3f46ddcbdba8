"""How many tokens zero-shot items are read in together; apart, without torch, since estimates ask as well."""

# On the CPU attention gets slow beyond, elsewhere short ones leave the device idle.
_ON_CPU, _ELSEWHERE = 192, 4096


def pack_tokens(device: str) -> int:
    """Of one forward on a kind of device, `cpu` or another."""
    return _ON_CPU if device == "cpu" else _ELSEWHERE
