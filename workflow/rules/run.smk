# What surrounds the jobs of a run: how many may compute at once, and what is said and done at its start and end.
from prunebench.clock import settle_times
from prunebench.hardware import count_gpus
from prunebench.reports.unfinished import report_unfinished
from prunebench.runlock import hold_run_lock
from prunebench.slurm.orphans import end_orphans
from prunebench.slurm.polling import mend_plugin


# A job that computes on a GPU takes one `device`: as many of them at once as there are GPUs, and CPU work goes on. On
# a cluster the scheduler counts GPUs, and those of the submitting machine say nothing.
resource_scopes:
    device="local",


if gpus := count_gpus():
    workflow.register_resource("device", gpus)


onstart:
    try:
        run_lock = hold_run_lock(logger.warning)
        # Without the lock, what is in a cluster's queue may be a live run's.
        if run_lock.held and end_orphans(logger.warning, run_lock.other_host):
            run_lock.forget_other_host()
    except PrunebenchError as error:
        raise WorkflowError(str(error)) from None
    if count := settle_times([Path("results"), Path("reports")]):
        logger.info(
            f"{count} files are from the future, so the clock was set back; they now count as made today"
        )
    mend_plugin(logger.warning)


# A failed cell fails no job, so the run itself has to say that there are some. A run that was asked for less than the
# reports leaves those of an earlier one as they are, and says nothing of them.
onsuccess:
    done = {job.rule.name for job in workflow.dag.jobs}
    if "collect" in done:
        try:
            logger.info(gather.outcome(Path(PROVENANCE)))
        except PrunebenchError as error:
            logger.info(str(error))
    for claims in filter(
        Path.exists, map(Path, PAPER.claims if "make_paper" in done else ())
    ):
        logger.info(claims.read_text(encoding="utf-8"))


# Some jobs failed, for reasons that are no method's: what there is can be looked at all the same.
onerror:
    try:
        logger.info(report_unfinished(RUN))
    except PrunebenchError as error:
        logger.info(str(error))
