"""A changed method, looked at: the contract, and a trial beside the methods everybody knows."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prunebench.config.load import Config
from prunebench.contract.apart import examine_apart
from prunebench.contract.finding import Finding, said_once
from prunebench.errors import PrunebenchError
from prunebench.judgement import one_line
from prunebench.plugins.description import describe_method
from prunebench.sandbox.policy import Policy
from prunebench.trial.outcome import Outcome

# Runs a method's trial, and says how its number contradicts the published one of the very same cell, if it does; a
# PrunebenchError if it cannot be run at all.
RunTrial = Callable[[str], tuple[Outcome, str]]
_TESTS = Path("tests/methods")
_NO_TRIAL_AFTER = ("header_valid", "in_time", "can_be_opened")  # it could not begin, or would take hours


@dataclass(frozen=True)
class MethodReview:
    """What was found out about one method.

    Attributes:
        binding: whether its failures are the pull request's. Code that a language model wrote is stored as it came,
            and what is wrong with it is a result.
        findings: of the contract.
        outcome: of the trial; None where there is none, and `no_trial` says why.
        contradiction: how the published number of the trial's cell is not what the trial measured; empty if it is.
        oracle: what is wrong with the method's own test, or that there is none; empty if it passes.
    """

    name: str
    binding: bool
    findings: tuple[Finding, ...]
    outcome: Outcome | None
    no_trial: str = ""
    contradiction: str = ""
    oracle: str = ""

    @property
    def failed(self) -> int:
        """How many checks failed."""
        return sum(bool(finding.problem) for finding in self.findings)

    def problems(self) -> Iterator[str]:
        """What must be mended, as one sentence each."""
        if self.contradiction:
            yield self.contradiction
        if not self.binding:
            return
        if self.oracle:
            yield self.oracle
        if self.failed:
            count = len(self.findings)
            yield f"{self.name} fails {self.failed} of {count} checks; prunebench check {self.name} runs them"
        if self.no_trial:
            yield f"{self.name} could not be tried: {self.no_trial}"
        elif self.outcome is not None and self.outcome.mistaken:
            yield f"the trial of {self.name} failed; prunebench try {self.name} runs it: {self.outcome.verdict}"


def review_method(name: str, config: Config, run_trial: RunTrial, added: bool) -> MethodReview:
    """Run a method of the config's folders through the contract, its own test and its trial.

    Args:
        added: it is a new one, which has to have a test against an oracle.
    """
    described = describe_method(name, config.method_files[name])
    findings: list[Finding] = []
    try:
        findings += said_once(examine_apart(name, config.method_paths, Policy.of(config, seed=0)))
    except PrunebenchError as error:
        findings.append(Finding("can_be_opened", "the file can be imported, where it has to run", str(error)))
    binding = described.origin != "llm"
    oracle = _oracle(name, added) if binding else ""
    outcome, no_trial, contradiction = None, "", ""
    stopped = next((found.check for found in findings if found.problem and found.check in _NO_TRIAL_AFTER), None)
    if stopped:
        no_trial = f"it fails {stopped}"
    else:
        try:
            outcome, contradiction = run_trial(name)
        except PrunebenchError as error:
            no_trial = str(error)
    return MethodReview(name, binding, tuple(findings), outcome, no_trial, contradiction, oracle)


def _oracle(name: str, added: bool) -> str:
    """Run a method's own test; what is wrong with it in one sentence, or nothing."""
    paths = [path for path in (_TESTS / f"test_{name}.py", _TESTS / f"test_{name}_oracle.py") if path.is_file()]
    if not paths:
        missing = f"{name} has no {_TESTS}/test_{name}.py, which compares it with an oracle"
        return f"{missing}; prunebench new-method writes one to start from" if added else ""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    last = next((line for line in reversed(done.stdout.splitlines()) if line.strip()), "no output")
    return f"the test of {name} fails ({one_line(last)}); pytest {paths[0]} shows it" if done.returncode else ""
