"""One global state for every cell to start from, whatever the one before left behind."""

import random

import numpy as np
import torch


def reset_global_state(seed: int, threads: int) -> None:
    """Seed everything there is to seed, and set torch's switches as every cell is to find them."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling what nobody has written yet makes nothing more reproducible here, and costs a write per tensor.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_float32_matmul_precision("highest")  # no TF32
    torch.backends.cudnn.allow_tf32 = False
    # Products of 16-bit matrices are added up in fp32 throughout, also where they are split into parts.
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    torch.backends.cudnn.benchmark = False
