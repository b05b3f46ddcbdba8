"""Tiny OPT and GPT-2 models trained from scratch: real biases, learned positions, ReLU and Conv1D to prune.

The published small models have them too but need the model hub; these need a public-domain text and a minute.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from prunebench.config.registry import TrainSource
from prunebench.errors import PrunebenchError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_log = logging.getLogger(__name__)
_END = "<|endoftext|>"  # between documents, and the BOS of a text
_HELD_OUT_EVERY = 20  # this document of so many is kept from training
_LOG_EVERY = 25
_SHORT_SHARE = 0.85  # of the steps are on sequences shorter by the next factor
_SHORTENING = 8
_WARM_UP = 0.05  # of the steps
_WEIGHT_DECAY = 0.1
_CLIP = 1.0
_POSITION_SCALE = 0.03  # of the sinusoids that learned positions begin as, beside token embeddings of 0.02
_LONGEST_WAVE = 10_000.0
_INTO_RESIDUAL = ("out_proj", "fc2", "c_proj")  # the last linears of attention and MLP
_POSITIONS = ("embed_positions", "wpe")


def train_tiny(
    recipe: TrainSource, documents: Sequence[str]
) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase", dict[str, Any]]:
    """Train a tokenizer and a model on `documents`; equal recipe, text and machine give equal weights.

    Returns:
        The model (float32, CPU), its tokenizer, and the facts for the manifest: `loss` is the curve as
        [step, nats per token], `held_out_perplexity` is on windows of documents kept from training,
        `unigram_perplexity` that of token frequencies alone on the same windows.

    Raises:
        PrunebenchError: the text is too short for the recipe.
    """
    import torch

    tokenizer = _train_tokenizer(recipe, documents)
    train = _stream(tokenizer, [text for index, text in enumerate(documents) if index % _HELD_OUT_EVERY])
    held_out = _stream(tokenizer, documents[::_HELD_OUT_EVERY])
    for stream in (train, held_out):
        if len(stream) <= recipe.positions:
            raise PrunebenchError(
                f"the training text has {len(train)} tokens, and {len(held_out)} to evaluate on; training needs more "
                f"than {recipe.positions} of each"
            )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = _new_model(recipe, tokenizer)
        loss = _optimise(model, recipe, train)
    perplexity = math.exp(_mean_loss(model.eval(), held_out, recipe))
    _log.info("held-out perplexity %.1f", perplexity)
    facts = {
        "loss": loss,
        "held_out_perplexity": perplexity,
        "unigram_perplexity": math.exp(_unigram_loss(train, held_out, recipe)),
        "train_tokens": len(train),
    }
    return model, tokenizer, facts


def _train_tokenizer(recipe: TrainSource, documents: Sequence[str]) -> "PreTrainedTokenizerBase":
    """Byte-level BPE as GPT-2's; OPT's puts its BOS before every text, GPT-2's puts none."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocabulary,
        special_tokens=[_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents, trainer)
    if recipe.architecture == "opt":
        end = tokenizer.token_to_id(_END)
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{_END} $A", pair=f"{_END} $A $B", special_tokens=[(_END, end)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=_END,
        eos_token=_END,
        unk_token=_END,
        pad_token=_END,
        model_max_length=recipe.positions,
    )


def _stream(tokenizer: "PreTrainedTokenizerBase", documents: Sequence[str]) -> "torch.Tensor":
    """The documents' tokens (n,), each document after one `_END`."""
    import torch

    # Straight to the backend: without the offsets that nobody reads it takes two thirds of the time.
    encoded = tokenizer.backend_tokenizer.encode_batch_fast(list(documents), add_special_tokens=False)
    return torch.tensor([token for text in encoded for token in (tokenizer.bos_token_id, *text.ids)])


def _new_model(recipe: TrainSource, tokenizer: "PreTrainedTokenizerBase") -> "PreTrainedModel":
    from transformers import AutoModelForCausalLM, GPT2Config, OPTConfig

    end = tokenizer.bos_token_id
    # No padding token: as padding its embedding would never be trained, and `end` begins every text.
    common = {"vocab_size": len(tokenizer), "bos_token_id": end, "eos_token_id": end, "pad_token_id": None}
    config: OPTConfig | GPT2Config
    if recipe.architecture == "opt":
        config = OPTConfig(
            **common,
            hidden_size=recipe.hidden,
            word_embed_proj_dim=recipe.hidden,
            ffn_dim=recipe.feedforward,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            max_position_embeddings=recipe.positions,
            dropout=0.0,
        )
    else:
        config = GPT2Config(
            **common,
            n_embd=recipe.hidden,
            n_inner=recipe.feedforward,
            n_layer=recipe.layers,
            n_head=recipe.heads,
            n_positions=recipe.positions,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    _initialise(model)
    return model


def _initialise(model: "PreTrainedModel") -> None:
    """Blocks that begin as the identity, and positions that begin in order: both halve the steps that are needed."""
    import torch

    with torch.no_grad():
        for name, module in model.named_modules():
            last = name.rpartition(".")[2]
            if last in _INTO_RESIDUAL:
                module.weight.zero_()
            elif last in _POSITIONS:
                module.weight.copy_(_POSITION_SCALE * _sinusoids(*module.weight.shape))


def _sinusoids(count: int, width: int) -> "torch.Tensor":
    """Positional encoding of Vaswani et al. (2017), sec. 3.5, sines first; (count, width)."""
    import torch

    rates = _LONGEST_WAVE ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(count)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width]


def _optimise(model: "PreTrainedModel", recipe: TrainSource, stream: "torch.Tensor") -> list[tuple[int, float]]:
    """AdamW on random crops of the stream; returns the loss curve, averaged between its points."""
    import torch

    # Decay pulls weights to zero; gains, biases and embeddings are to stay what they learned.
    matrices = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and "emb" not in name]
    chosen = {id(weight) for weight in matrices}
    others = [weight for weight in model.parameters() if id(weight) not in chosen]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": _WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, recipe.steps))
    model.train()
    curve: list[tuple[int, float]] = []
    losses: list[float] = []
    for step, (ids, positions) in enumerate(_batches(stream, recipe), start=1):
        loss = _loss(model, ids, positions)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        losses.append(loss.item())
        if step % _LOG_EVERY == 0 or step == recipe.steps:
            curve.append((step, sum(losses) / len(losses)))
            losses.clear()
            _log.info("step %d of %d: loss %.3f", step, recipe.steps, curve[-1][1])
    return curve


def _loss(model: "PreTrainedModel", ids: "torch.Tensor", positions: "torch.Tensor | None" = None) -> "torch.Tensor":
    """Mean cross-entropy in nats of each token of `ids` (sequences, length) given those before it; () float32."""
    import torch

    logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits[:, :-1]
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def _rate(step: int, steps: int) -> float:
    """Linear warm-up, then linearly down to nothing."""
    warm_up = max(1, round(_WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return (steps - step) / (steps - warm_up)


def _batches(stream: "torch.Tensor", recipe: TrainSource) -> Iterator[tuple["torch.Tensor", "torch.Tensor"]]:
    """`steps` pairs of token ids and their positions, each (sequences, length), `batch * positions` tokens a step.

    Short sequences first, which cost less per token; each lies at a random place of the position range, so
    that all learned positions are trained. The last steps take full-length sequences.
    """
    import torch

    generator = torch.Generator().manual_seed(recipe.seed)
    short = max(2, recipe.positions // _SHORTENING)
    for step in range(recipe.steps):
        length = short if step < _SHORT_SHARE * recipe.steps else recipe.positions
        shape = (recipe.batch * recipe.positions // length, 1)
        starts = torch.randint(len(stream) - length, shape, generator=generator)
        offsets = torch.randint(recipe.positions - length + 1, shape, generator=generator)
        yield stream[starts + torch.arange(length)], offsets + torch.arange(length)


def _windows(stream: "torch.Tensor", recipe: TrainSource) -> list["torch.Tensor"]:
    bounds = range(0, min(len(stream), 40 * recipe.positions) + 1, recipe.positions)
    return [stream[start:end] for start, end in pairwise(bounds)]


def _mean_loss(model: "PreTrainedModel", stream: "torch.Tensor", recipe: TrainSource) -> float:
    import torch

    with torch.inference_mode():
        return float(torch.stack([_loss(model, ids[None]) for ids in _windows(stream, recipe)]).mean())


def _unigram_loss(train: "torch.Tensor", held_out: "torch.Tensor", recipe: TrainSource) -> float:
    import torch

    counts = torch.bincount(train, minlength=recipe.vocabulary).double() + 1
    log_probabilities = (counts / counts.sum()).log()
    return -float(log_probabilities[torch.cat([ids[1:] for ids in _windows(held_out, recipe)])].mean())
