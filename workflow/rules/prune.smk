# One job per sweep (model, method, seed), one record per cell. update() keeps the cells a sweep already has when
# its targets grow; the job skips those whose record is current. A list of outputs cannot depend on wildcards, so
# sweeps with the same targets share a rule.
for chunk in GRID.chunks:

    rule:
        name:
            f"prune_{chunk.name}"
        input:
            model=of_sweep(MODEL),
            calibration=of_sweep(CALIBRATION),
            recovery=lambda wildcards: keys.recovery_path(
                RUN, Sweep.parse(wildcards.sweep)
            )
            or [],
        output:
            patches=patches_of(chunk),
            records=update(
                expand(PRUNE_RECORD, target=chunk.targets, allow_missing=True)
            ),
        log:
            f"results/logs/prune/{{sweep}}/{chunk.name}.log",
        wildcard_constraints:
            sweep=sweep_pattern(chunk.sweeps),
        group:
            ALLOCATION
        conda:
            "../../environment.yml"
        threads: RUN.threads
        resources:
            device=1,
            cpus_per_task=RUN.threads,
            attempt=lambda wildcards, attempt: attempt,
            runtime=minutes("prune", chunk),
            mem_mb=memory("prune"),
        params:
            key=lambda wildcards: keys.prune_params(RUN, Sweep.parse(wildcards.sweep)),
        message:
            f"Prune {{wildcards.sweep}}: {' '.join(chunk.targets)}"
        script:
            "../scripts/prune.py"
