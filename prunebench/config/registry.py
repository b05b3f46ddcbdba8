"""What can be named in a config: models, texts and zero-shot tasks, each with the one place its bytes come from."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from prunebench import ENGINE_VERSION
from prunebench.config.shape import Shape
from prunebench.config.strict import Strict
from prunebench.files import digest_json

# Names become folders below results/assets and wildcards of the workflow.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# A branch moves; only a full commit hash means the same bytes tomorrow.
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Positive = Annotated[int, Field(gt=0)]


class PypiSource(Strict):
    """A file or folder inside a wheel of the Python package index; the wheel is data here and is not installed.

    Attributes:
        wheel: distribution name.
        version: exact version.
        sha256: of the wheel file.
        member: path inside the wheel, a file or a folder.
    """

    kind: Literal["pypi"]
    wheel: str
    version: str
    sha256: Sha256
    member: str


class LocalSource(Strict):
    """A file or folder on this machine.

    Attributes:
        path: where it lies, relative to the working directory or absolute.
        env: an environment variable that holds the path and wins over `path`.
        member: path below that folder; not used when the path is a file.
        sha256: of the file, where its content is known.
    """

    kind: Literal["local"]
    path: Path | None = None
    env: str | None = None
    member: str = ""
    sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _is_somewhere(self) -> "LocalSource":
        if self.path is None and self.env is None:
            raise ValueError("a local source needs `path`, or `env` with the name of an environment variable")
        return self

    def resolve(self) -> Path | None:
        """The path as it is now, without `member`; None if only `env` is given and it is not set."""
        value = os.environ.get(self.env, "") if self.env else ""
        return Path(value) if value else self.path

    def state(self) -> Any:
        """What tells one content from another without reading it: the pinned hash, else names, sizes and times."""
        if self.sha256 is not None:
            return self.sha256
        root = self.resolve()
        if root is None or not root.exists():
            return str(root)
        whole = root / self.member if root.is_dir() else root
        files = sorted(path for path in whole.rglob("*") if path.is_file()) if whole.is_dir() else [whole]
        return [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files]


class HubModelSource(Strict):
    """A model repository of the hub at one commit.

    Attributes:
        repo: `owner/name`.
        revision: the full hash of the commit.
        file: the GGUF file, if the model's `format` is gguf.
    """

    kind: Literal["hub"]
    repo: str
    revision: Commit
    file: str | None = None


class HubDatasetSource(Strict):
    """Rows of a dataset repository of the hub at one commit.

    Attributes:
        repo: `owner/name`.
        revision: the full hash of the commit.
        subset: the dataset's configuration.
        split: which rows.
        data_files: read only these files of the repository (a single C4 shard).
        column: the text column (texts only).
    """

    kind: Literal["hub"]
    repo: str
    revision: Commit
    subset: str | None = None
    split: str
    data_files: str | None = None
    column: str = "text"


class TrainSource(Strict):
    """A small model trained from scratch on a registered text.

    Attributes:
        architecture: which family's modules are exercised.
        text: name of the training text in the data registry.
        vocabulary, hidden, layers, heads, feedforward, positions: sizes; positions also is the training length.
        steps, batch: optimiser steps of `batch` sequences.
        learning_rate: its peak, reached after a warm-up and followed by a linear decay to nothing.
        seed: of initialisation and data order.
    """

    kind: Literal["train"]
    architecture: Literal["opt", "gpt2"]
    text: str
    vocabulary: Positive
    hidden: Positive
    layers: Positive
    heads: Positive
    feedforward: Positive
    positions: Annotated[int, Field(ge=2)]
    steps: Positive
    batch: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _heads_divide(self) -> "TrainSource":
        if self.hidden % self.heads:
            raise ValueError(f"hidden ({self.hidden}) must be a multiple of heads ({self.heads})")
        return self


ModelSource = Annotated[PypiSource | HubModelSource | LocalSource | TrainSource, Field(discriminator="kind")]
DataSource = Annotated[PypiSource | HubDatasetSource | LocalSource, Field(discriminator="kind")]


_NOT_BYTES = {"title", "notes", "reference", "domain", "shape", "tokens", "items"}


class _Entry(Strict):
    """An entry of a registry: `title` is for people, sizes are for estimates, the rest decides the bytes."""

    title: str

    @property
    def digest(self) -> str:
        """A short digest of what decides the asset's bytes: a title, note or reference value makes none anew.

        Local files count by name, size and time, so a model trained again in the same folder is seen.
        """
        described = self.model_dump(mode="json", exclude=_NOT_BYTES)
        source: Any = getattr(self, "source", None)
        state = source.state() if isinstance(source, LocalSource) else None
        return digest_json([ENGINE_VERSION, described, state])


class ModelSpec(_Entry):
    """One entry of `config/models.yaml`.

    Attributes:
        title: for people.
        source: where its bytes come from.
        format: `checkpoint`, a folder transformers reads; `gguf`, a quantised file that is dequantised.
        reference: protocol -> dataset -> published perplexity of the dense model.
        shape: its size, for estimates of what a run costs; a model that is there already says it itself.
    """

    source: ModelSource
    format: Literal["checkpoint", "gguf"] = "checkpoint"
    shape: Shape | None = None
    reference: dict[str, dict[str, float]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _gguf_has_a_file(self) -> "ModelSpec":
        if self.format == "gguf" and isinstance(self.source, HubModelSource) and self.source.file is None:
            raise ValueError("format gguf from the hub needs `source.file`, the name of the .gguf file")
        if self.format == "gguf" and isinstance(self.source, TrainSource):
            raise ValueError("a trained model is a checkpoint, not a gguf")
        return self

    @property
    def training_text(self) -> str | None:
        """The text that must be there before the model can be made; None if it is fetched."""
        return self.source.text if isinstance(self.source, TrainSource) else None


TextFormat = Literal["lines", "wiki-docs", "files", "wikitext-raw", "rows"]


class TextSpec(_Entry):
    """One entry of `texts` in `config/data.yaml`.

    Attributes:
        title: for people.
        source: where its bytes come from.
        format: `lines`, a document a line; `wiki-docs`, documents wrapped in <doc ...> and </doc>; `files`, a
            folder with a document a file; `wikitext-raw`, a raw WikiText file as the hub's rows; `rows`, the rows
            of a hub dataset.
        domain: what kind of text it is, so that calibrating on the domain of the evaluation can be flagged.
        names_from, names_before: of a folder, only the files whose names sort in this half-open range.
        tokens: about how many it has, for estimates.
    """

    source: DataSource
    format: TextFormat
    domain: str
    names_from: str = ""
    names_before: str | None = None
    tokens: Positive | None = None

    @model_validator(mode="after")
    def _format_fits_source(self) -> "TextSpec":
        if (self.format == "rows") != isinstance(self.source, HubDatasetSource):
            raise ValueError("format rows and source kind hub belong together")
        if self.format != "files" and (self.names_from or self.names_before is not None):
            raise ValueError("names_from and names_before select among the files of format files")
        return self


class TaskSpec(_Entry):
    """One entry of `tasks` in `config/data.yaml`: the items of an lm-eval task.

    Attributes:
        title: for people.
        source: where the items come from.
        format: `arrow`, a folder <split>/data-*.arrow; `arrow-parts`, a folder of such folders, one per part;
            `olmes-requests`, gzipped requests whose documents are turned back into items; `rows`, hub rows.
        lm_eval_task: the harness's task, with `{part}` where `part_column` cuts the items into several tasks.
        split: which split the items are (the harness's own default is not always to be had).
        fewshot_split: a split to draw few-shot examples from, where there is one.
        part_column: the column that cuts the items into parts (MMLU's subjects).
        question_column: the column the harness reads the question from (olmes-requests only).
        rename: the harness's column -> the source's column. Booleans become 0 and 1, the harness's class ids.
        notes: what a reader of the number must know.
        items, tokens: how many items there are, and how many tokens a model reads for one, choices included and what
            they share read once; for estimates.
    """

    source: DataSource
    format: Literal["arrow", "arrow-parts", "olmes-requests", "rows"]
    lm_eval_task: str
    split: Literal["validation", "test"]
    fewshot_split: str | None = None
    part_column: str | None = None
    question_column: str = "question"
    rename: dict[str, str] = Field(default_factory=dict)
    notes: str = ""
    items: Positive | None = None
    tokens: Positive | None = None

    @model_validator(mode="after")
    def _settings_fit(self) -> "TaskSpec":
        if (self.format == "rows") != isinstance(self.source, HubDatasetSource):
            raise ValueError("format rows and source kind hub belong together")
        if (self.part_column is not None) != ("{part}" in self.lm_eval_task):
            raise ValueError("`part_column` and {part} in `lm_eval_task` belong together")
        if isinstance(self.source, HubDatasetSource) and self.source.split != self.split:
            raise ValueError(f"split is {self.split} but source.split is {self.source.split}")
        return self


class DataRegistry(Strict):
    """`config/data.yaml`."""

    texts: dict[Name, TextSpec] = Field(default_factory=dict)
    tasks: dict[Name, TaskSpec] = Field(default_factory=dict)
