"""A module on the device for as long as it is needed there, and back in the very memory it came from."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from prunebench.models.mapped import is_mapped, mapped_copy


@contextmanager
def on_device(module: nn.Module, device: torch.device, changes: bool = True) -> Iterator[None]:
    """Have a module on `device`; afterwards each parameter is where it was, in the same storage if it still fits.

    Without that, weights that come back would be new memory, and mapped ones no longer mapped. Parameters of another
    shape, and those that were not there before, are mapped if the others are.

    Args:
        changes: whether what was written to the parameters there is to be kept.
    """
    homes = {parameter: parameter.data for parameter in module.parameters()}
    home = next(iter(homes)).device
    mapped = any(is_mapped(tensor) for tensor in homes.values())
    try:
        module.to(device)
        yield
    finally:
        for parameter in module.parameters():
            was = homes.get(parameter)
            if parameter.device == home and (is_mapped(parameter) or not mapped):
                continue
            if was is not None and was.shape == parameter.shape and was.dtype == parameter.dtype:
                parameter.data = was.copy_(parameter.data) if changes else was
            else:
                parameter.data = mapped_copy(parameter) if mapped else parameter.data.to(home)
        module.to(home)  # the buffers
