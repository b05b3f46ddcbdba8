"""The run's config: which grid to run and how; what the numbers mean is in the protocol instead."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from prunebench.config.strict import Strict
from prunebench.targets import Target

Kind = Literal["perplexity", "zeroshot", "generation", "speed", "internals"]
JobWork = Literal["prune"] | Kind  # what a job does with its cells
Weights = Literal["auto", "memory", "mapped"]


# Between list items, but not before `param=value`: that goes on with a variant (wanda@nsamples=32,alpha=2).
_SEPARATOR = re.compile(r"[,\s]++(?![A-Za-z_]\w*=)")


def _as_list(value: Any) -> Any:
    """`--config models=a,b` and `models: a` mean a list too."""
    if isinstance(value, str):
        return [word for word in _SEPARATOR.split(value) if word]
    return [value] if isinstance(value, int) else value


def _words(value: Any) -> Any:
    return (
        [str(item) if isinstance(item, int | float) else item for item in value] if isinstance(value, list) else value
    )


# Snakemake reads `--config models=1b` as a string but `models=125` as a number: names are strings again here.
Names = Annotated[tuple[str, ...], BeforeValidator(_words), BeforeValidator(_as_list)]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_as_list), Field(min_length=1)]
Kinds = Annotated[tuple[Kind, ...], BeforeValidator(_as_list)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_as_list), Field(min_length=1)]


class Limits(Strict):
    """What one cell may take before it becomes a `timeout` or `oom` record; None = no limit.

    Attributes:
        cell_minutes: of wall time.
        memory_gb: that its job holds; pages of mapped files do not count.
        job_minutes: the most that a cluster is asked to give a job, such as what a partition allows.
    """

    cell_minutes: Annotated[float | None, Field(gt=0)] = 60
    memory_gb: Annotated[float | None, Field(gt=0)] = None
    job_minutes: Annotated[int | None, Field(ge=1)] = None


class SandboxLimits(Strict):
    """What a method that was not written by a person may take, for one cell, in its sandbox.

    Attributes:
        minutes: of wall time in its calls together; its CPU time may be as much for each thread.
        memory_gb: beside what an idle torch takes.
        scratch_mb: of files; all of it is gone when the cell ends.
    """

    minutes: Annotated[float, Field(gt=0)] = 10
    memory_gb: Annotated[float, Field(gt=0)] = 4
    scratch_mb: Annotated[int, Field(ge=1)] = 64


class RegistryPaths(Strict):
    """Where the registries lie, relative to the working directory.

    Attributes:
        models, data, protocols: YAML files.
    """

    models: Path = Path("config/models.yaml")
    data: Path = Path("config/data.yaml")
    protocols: Path = Path("config/protocols.yaml")


class Settings(Strict):
    """The keys of `config/config.yaml`.

    Attributes:
        protocol: name in the protocol registry.
        models: names in the model registry.
        methods: file names (without `.py`) in `method_paths`, each with an optional variant after `@`.
        targets: target tokens; the dense model's `u00` is always there and is not listed.
        seeds: each method is run once per seed.
        evaluate: kinds of evaluation.
        zeroshot_tasks: names in the data registry.
        limits: per cell.
        sandbox: per cell of a method that was not written by a person.
        unsafe_run_untrusted: run such methods without the sandbox: they can then read, change and send away
            whatever the user who started the run can.
        cells_per_job: targets handled by one job; 0 = all targets of a sweep.
        share_allocation: on a cluster, prune a sweep and evaluate it in one allocation instead of one each.
        threads: CPU threads of one job.
        weights: where models lie on the host: `memory`, `mapped` (in files that the kernel pages in, so that memory
            does not grow with depth), or `auto`, which is mapped where the copies that a job holds do not fit. No
            number depends on it.
        keep_patches: keep what was pruned, so that a new evaluation need not prune again.
        method_paths: folders searched for methods.
        registry: the registry files.
        paper: a folder below `papers/`; the grid is then cut to what its tables, figures and claims show.
    """

    protocol: str
    models: Names = Field(min_length=1)
    methods: Names = ()
    targets: Names = ()
    seeds: Seeds = (0,)
    evaluate: Kinds = ("perplexity", "zeroshot", "generation")
    zeroshot_tasks: Names = ()
    limits: Limits = Limits()
    sandbox: SandboxLimits = SandboxLimits()
    unsafe_run_untrusted: bool = False
    cells_per_job: Annotated[int, Field(ge=0)] = 0
    share_allocation: bool = False
    threads: Annotated[int, Field(ge=1)] = 1
    weights: Weights = "auto"
    keep_patches: bool = True
    method_paths: Paths = (Path("methods"),)
    registry: RegistryPaths = RegistryPaths()
    paper: Path | None = None

    @field_validator("models", "methods", "targets", "seeds", "evaluate", "zeroshot_tasks", mode="after")
    @classmethod
    def _nothing_twice(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        for value in values:
            if values.count(value) > 1:
                raise ValueError(f"{value!r} is there twice")
        return values

    @field_validator("targets", mode="after")
    @classmethod
    def _targets_prune_something(cls, tokens: tuple[str, ...]) -> tuple[str, ...]:
        for token in tokens:
            if Target.parse(token).pattern == "dense":
                raise ValueError(f"target {token!r} is the dense model, which is always there: leave it out")
        return tokens
