"""One job: what it works on, what it says in its log, and how it lets a worker compute cells."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from prunebench.config.load import Config, load_config
from prunebench.errors import DamagedFile, PrunebenchError
from prunebench.layout import Sweep
from prunebench.results.records import CellId, Cost, Record, read_record
from prunebench.slurm.allocation import find_allocation
from prunebench.sweeps.joblog import JobLog
from prunebench.sweeps.supervisor import Limits, Outcome, Supervisor

# Told how each cell ended, with the provenance of whoever computed it.
Keep = Callable[[str, Outcome, dict[str, Any]], None]
# Reads a record; None if it is absent or damaged.
Read = Callable[[Path, type[Record]], Record | None]


@dataclass(frozen=True)
class Job:
    """One sweep and one kind of work on it, `prune` or a kind of evaluation."""

    config: Config
    mapping: Mapping[str, Any]
    sweep: Sweep
    work: str
    log: JobLog
    attempt: int

    @classmethod
    def start(cls, mapping: Mapping[str, Any], sweep: str, log: Path, work: str, attempt: int) -> "Job":
        """From what a script has; see `jobs.prune_sweep` for the arguments."""
        return cls(load_config(mapping), mapping, Sweep.parse(sweep), work, JobLog(log), attempt)

    def cell(self, target: str) -> CellId:
        """Which cell a target is."""
        sweep = self.sweep
        return CellId(model=sweep.model, method=sweep.method, target=target, seed=sweep.seed, protocol=sweep.protocol)

    def read(self, path: Path, kind: type[Record]) -> Record | None:
        """A record; None, and a line in the log, if it is damaged."""
        try:
            return read_record(path, kind)
        except DamagedFile as error:
            self.log.line(f"{error}; it is made again")
            return None

    def announce(self, pending: Sequence[str], total: int) -> None:
        """Log what is to be computed."""
        todo = ", ".join(pending) or "nothing to do"
        self.log.line(
            f"{datetime.now():%Y-%m-%d} {self.work} {self.sweep.path}: {total - len(pending)} of {total} cells are "
            f"current; {todo}"
        )

    def refuse_if_changed(self, target: str, before: dict[str, str], now: dict[str, str]) -> None:
        """A record must not say that its cell was made from what has been replaced since."""
        if changed := [name for name in before if before[name] != now.get(name)]:
            raise PrunebenchError(
                f"{self.sweep.path}/{target} is not kept: its {' and '.join(changed)} changed while it was computed; "
                "run snakemake again"
            )

    def tell(self, target: str, outcome: Outcome) -> None:
        """Log how a cell ended."""
        peak = cost_of(outcome).peak_host_bytes / 1e9
        reason = f" ({outcome.reason})" if outcome.reason else ""
        cost = f", {outcome.seconds:.1f} s, {peak:.2f} GB" if peak else ""
        self.log.line(f"{self.sweep.method} {target}: {outcome.status}{reason}{cost}")

    def compute(self, cells: list[dict[str, Any]], dtype: str | None, keep: Keep) -> None:
        """Let a worker compute the cells on the dense model in `dtype` (None = the protocol's for the device it
        finds), keeping each as soon as it is done."""
        limits = self.config.limits
        setup = {"config": dict(self.mapping), "sweep": self.sweep.path, "work": self.work, "dtype": dtype}
        supervisor = Supervisor(
            setup,
            self.log,
            Limits(
                None if limits.cell_minutes is None else limits.cell_minutes * 60,
                None if limits.memory_gb is None else limits.memory_gb * 1e9,
                find_allocation(self.attempt, limits.job_minutes),
            ),
            self.config.threads,
        )
        with supervisor:
            for cell, outcome in zip(cells, supervisor.run(cells), strict=True):
                self.tell(cell["target"], outcome)
                keep(cell["target"], outcome, supervisor.ready["provenance"])


def cost_of(outcome: Outcome) -> Cost:
    """What a cell took, as its record says it."""
    reply = outcome.reply
    return Cost(
        seconds=reply.get("seconds", outcome.seconds),
        peak_host_bytes=outcome.peak_host_bytes,
        peak_device_bytes=reply.get("peak_device_bytes", 0),
    )
