"""Protocols: named sets of the choices that decide what a number means.

Numbers of different protocols never share a column, so everything that moves a number (dataset, crop,
window, BOS, join string, dtype, shots) is in here and nothing of it is in the run's config.
"""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from prunebench.config.strict import Strict

Dtype = Literal["float32", "bfloat16", "float16"]
Selection = Literal["document-crop", "stream-crop"]
Positive = Annotated[int, Field(gt=0)]


class Dtypes(Strict):
    """The dtype a model is held in, by kind of device: half precision is fast on one and slow on the other.

    Attributes:
        cpu, cuda: where its weights are in it.
    """

    cpu: Dtype = "bfloat16"
    cuda: Dtype = "float16"


class Calibration(Strict):
    """Text a method may look at.

    Attributes:
        text: name in the data registry.
        nsamples: number of sequences.
        seqlen: tokens per sequence.
        selection: `document-crop` draws a random document longer than `seqlen` tokens and crops it at a
            random place (Wanda and SparseGPT, whose documents are not concatenated); `stream-crop` joins the
            documents to one stream first, for texts whose rows are paragraphs.
    """

    text: str
    nsamples: Positive = 128
    seqlen: Positive = 2048
    selection: Selection = "document-crop"


class Perplexity(Strict):
    """Non-overlapping windows of one long token stream per text, the tail dropped.

    Attributes:
        texts: names in the data registry, one perplexity each.
        window: tokens per window; each predicts window - 1 targets.
        max_windows: at most so many, spread evenly over the text; None = all.
        join: what stands between documents when they are joined to one stream.
        bos: `once` at the very beginning of the stream, at the start of `every` window, or `none`.
    """

    texts: tuple[str, ...] = Field(min_length=1)
    window: Annotated[int, Field(ge=2)] = 2048
    max_windows: Positive | None = None
    join: str = "\n\n"
    bos: Literal["none", "once", "every"] = "once"

    @field_validator("texts", mode="after")
    @classmethod
    def _no_text_twice(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(texts)) < len(texts):
            raise ValueError(f"a text is there twice: {', '.join(texts)}")
        return texts


class Zeroshot(Strict):
    """Settings of the lm-eval tasks.

    Attributes:
        limit: so many items of each task, spread evenly over it; None = all. A task in parts (MMLU's 57 subjects) has
            so many in all, dealt out one by one: its parts give equally many, or those first by name one more.
        num_fewshot: examples before each item.
    """

    limit: Positive | None = None
    num_fewshot: Annotated[int, Field(ge=0)] = 0


class Generation(Strict):
    """Greedy continuation of a prompt.

    Attributes:
        prompt: what is continued.
        max_new_tokens: by so many tokens.
    """

    prompt: Annotated[str, Field(min_length=1)] = "University is"
    max_new_tokens: Positive = 20


class Speed(Strict):
    """Timing of the pruned and the dense model by turns, one sequence at a time.

    Attributes:
        prompt_tokens: read at once; so many, with the new ones, that the model has positions for.
        new_tokens: written after it, one by one.
        repetitions: turns of each model; with fewer than six a median has no 95 % interval.
    """

    prompt_tokens: Positive = 128
    new_tokens: Positive = 8
    repetitions: Annotated[int, Field(ge=6)] = 13


class Internals(Strict):
    """What is looked at inside of a model, in some of its decoder blocks only: a row for each number adds up.

    Blocks count from 0, negative ones from the last; a block that a model lacks is left out.

    Attributes:
        spectra: blocks whose FFN matrices' singular values are measured.
        ecdf_steps: how finely: the smallest, and those that the shares 1/steps, 2/steps, ... of them do not exceed.
        heads: blocks whose attention heads are compared on the calibration tokens.
    """

    spectra: tuple[int, ...] = (0, -1)
    ecdf_steps: Annotated[int, Field(ge=1, le=1000)] = 20
    heads: tuple[int, ...] = (0, -1)

    @field_validator("spectra", "heads", mode="after")
    @classmethod
    def _no_block_twice(cls, blocks: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(blocks)) < len(blocks):
            raise ValueError(f"a block is there twice: {', '.join(map(str, blocks))}")
        return blocks


class Protocol(Strict):
    """One entry of `config/protocols.yaml`.

    Attributes:
        title: for people.
        dtype: of models.
        calibration, perplexity, zeroshot, generation, speed, internals: what is calibrated on, and how each kind of
            evaluation measures.
    """

    title: str
    dtype: Dtypes = Dtypes()
    calibration: Calibration
    perplexity: Perplexity
    zeroshot: Zeroshot = Zeroshot()
    generation: Generation = Generation()
    speed: Speed = Speed()
    internals: Internals = Internals()
