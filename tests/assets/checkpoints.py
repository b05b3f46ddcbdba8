"""A small but complete checkpoint folder: a random model and a tokenizer with one token per byte."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from tests.tiny_models import tiny_model

BOS = 256


def byte_tokenizer(adds_bos: bool = False) -> PreTrainedTokenizerFast:
    """Ids 0-255 are bytes (in the order of GPT-2's byte alphabet), 256 is the BOS, put before texts if `adds_bos`."""
    vocabulary = {character: index for index, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE({**vocabulary, "<s>": BOS}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if adds_bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", BOS)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>")


def small_checkpoint(folder: Path, model_type: str = "llama", adds_bos: bool = False) -> None:
    """Save a model of `tests.tiny_models` (128 positions) and the byte tokenizer."""
    tiny_model(model_type).save_pretrained(folder)
    byte_tokenizer(adds_bos).save_pretrained(folder)
