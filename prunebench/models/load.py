"""Loading a checkpoint folder: offline, without running code that came with it, ready for inference."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from prunebench.errors import PrunebenchError
from prunebench.files import sha256_file

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_TOKENIZER_FILES = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.tiktoken")


def load_model(directory: Path, dtype: "str | torch.dtype", mapped: bool = False) -> "PreTrainedModel":
    """The causal language model in `directory`, on the CPU, in eval mode, its parameters without gradients.

    Args:
        dtype: a torch dtype or its name; a checkpoint in another dtype is cast while it is read.
        mapped: tensors that are cast lie in scratch files rather than in memory. (The others are mapped from the
            checkpoint in any case.)

    Raises:
        PrunebenchError: the folder is no checkpoint, is incomplete, or wants to run code of its own.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoModelForCausalLM

    from prunebench.models.checkpoint import mapped_state

    config = load_config(directory)
    dtype = getattr(torch, dtype) if isinstance(dtype, str) else dtype
    try:
        if mapped:  # transformers would cast into memory
            name, state = None, mapped_state(directory, dtype)
            loader = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
        else:
            name, state, loader = directory, None, AutoModelForCausalLM
        model, report = loader.from_pretrained(
            name, config=config, state_dict=state, dtype=dtype, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise PrunebenchError(f"{directory} cannot be loaded as a causal language model: {error}") from error
    if report["missing_keys"]:  # transformers would fill them with random numbers and only warn
        missing = sorted(report["missing_keys"])
        raise PrunebenchError(
            f"{directory} lacks {len(missing)} of the model's tensors ({missing[0]}, ...); fetch the model again"
        )
    return model.eval().requires_grad_(False)


def load_tokenizer(directory: Path) -> "PreTrainedTokenizerBase":
    """The tokenizer in `directory`.

    Raises:
        PrunebenchError: there is none that transformers can read.
    """
    from transformers import AutoTokenizer

    load_config(directory)  # without it transformers would take the path for a repository name of the hub
    try:
        return AutoTokenizer.from_pretrained(directory, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PrunebenchError(f"{directory} holds no tokenizer that transformers can read: {error}") from error


def load_config(directory: Path) -> "PretrainedConfig":
    """The model configuration in `directory`.

    Raises:
        PrunebenchError: the folder is no checkpoint, or its model is defined by code of its own.
    """
    from transformers import AutoConfig

    if not (directory / "config.json").is_file():
        raise PrunebenchError(f"{directory} is no checkpoint: it has no config.json; run the workflow to fetch it")
    try:
        return AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise PrunebenchError(f"{directory}/config.json is not one transformers can use: {error}") from error


def tokenizer_sha256(directory: Path) -> str:
    """One SHA-256 over the names and contents of the tokenizer's files."""
    files = sorted({file for pattern in _TOKENIZER_FILES for file in directory.glob(pattern)})
    return hashlib.sha256("".join(f"{sha256_file(file)}  {file.name}\n" for file in files).encode()).hexdigest()
