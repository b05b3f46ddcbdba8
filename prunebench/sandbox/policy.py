"""What a method that no person wrote is allowed."""

from dataclasses import dataclass, field

from prunebench.config.load import Config
from prunebench.config.schema import SandboxLimits


@dataclass(frozen=True)
class Policy:
    """How such methods are run.

    Attributes:
        limits: of one process, which serves one cell.
        seed: of the global random states it finds.
        threads: CPU threads it may compute with.
        unsafe: run it in the caller's process instead.
    """

    limits: SandboxLimits = field(default_factory=SandboxLimits)
    seed: int = 0
    threads: int = 1
    unsafe: bool = False

    @classmethod
    def of(cls, config: Config, seed: int) -> "Policy":
        """What a run's config says."""
        return cls(config.sandbox, seed, config.threads, config.unsafe_run_untrusted)
