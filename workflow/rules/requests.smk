# What the jobs that compute ask a cluster for.
from prunebench.cost import requests
from prunebench.cost.jobs import Costs

COSTS = Costs(RUN, requests.asked_gpus(workflow.resource_settings.default_resources))

# Jobs of a sweep that a cluster is to run one after another in one allocation.
ALLOCATION = "sweep" if RUN.share_allocation else None


def minutes(work, chunk):
    """A resources function: the time a job asks for; on this machine none."""

    def runtime(wildcards, attempt):
        if workflow.local_exec:
            return None
        sweep = Sweep.parse(wildcards.sweep)
        return requests.minutes(COSTS, sweep, work, chunk.targets, attempt)

    return runtime


def memory(work):
    """A resources function: the megabytes a job asks for; on this machine none."""

    def mem_mb(wildcards):
        if workflow.local_exec:
            return 0
        return requests.memory_mb(COSTS, Sweep.parse(wildcards.sweep), work)

    return mem_mb
