"""A changed method, looked at: the contract, and a trial beside the methods everybody knows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prunebench.config.load import Config
from prunebench.contract.apart import examine_apart
from prunebench.contract.finding import Finding, said_once
from prunebench.errors import PrunebenchError
from prunebench.plugins.description import describe_method
from prunebench.sandbox.policy import Policy
from prunebench.trial.outcome import Outcome

# Runs a method's trial; a PrunebenchError if it cannot be run at all.
RunTrial = Callable[[str], Outcome]


@dataclass(frozen=True)
class MethodReview:
    """What was found out about one method.

    Attributes:
        binding: whether its failures are the pull request's. Code that a language model wrote is stored as it came,
            and what is wrong with it is a result.
        findings: of the contract.
        outcome: of the trial; None where there is none, and `no_trial` says why.
    """

    name: str
    binding: bool
    findings: tuple[Finding, ...]
    outcome: Outcome | None
    no_trial: str = ""

    @property
    def failed(self) -> int:
        """How many checks failed."""
        return sum(bool(finding.problem) for finding in self.findings)

    def problems(self) -> Iterator[str]:
        """What must be mended, as one sentence each."""
        if not self.binding:
            return
        if self.failed:
            count = len(self.findings)
            yield f"{self.name} fails {self.failed} of {count} checks; prunebench check {self.name} runs them"
        if self.no_trial:
            yield f"{self.name} could not be tried: {self.no_trial}"
        elif self.outcome is not None and self.outcome.mistaken:
            yield f"the trial of {self.name} failed; prunebench try {self.name} runs it: {self.outcome.verdict}"


def review_method(name: str, config: Config, run_trial: RunTrial) -> MethodReview:
    """Run a method of the config's folders through the contract and its trial."""
    described = describe_method(name, config.method_files[name])
    findings: list[Finding] = []
    try:
        findings += said_once(examine_apart(name, config.method_paths, Policy.of(config, seed=0)))
    except PrunebenchError as error:
        findings.append(Finding("can_be_opened", "the file can be imported, where it has to run", str(error)))
    outcome, no_trial = None, ""
    try:
        outcome = run_trial(name)
    except PrunebenchError as error:
        no_trial = str(error)
    return MethodReview(name, described.origin != "llm", tuple(findings), outcome, no_trial)
