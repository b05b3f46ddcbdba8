# Token ids, made once per model: every method calibrates on the same ids and is measured on the same ids.
localrules:
    tokenize_calibration,
    tokenize_recovery,
    tokenize_windows,


rule tokenize_calibration:
    input:
        model=MODEL,
        text=TEXT.format(text=RUN.protocol_spec.calibration.text),
    output:
        CALIBRATION,
    log:
        "results/logs/tokenize_calibration/{protocol}/{model}/seed{seed}.log",
    wildcard_constraints:
        protocol=re.escape(RUN.protocol),
        model=one_of(RUN.model_registry),
        seed=r"\d+",
    conda:
        "../../environment.yml"
    params:
        engine=ENGINE_VERSION,
        settings=RUN.protocol_spec.calibration.model_dump_json(exclude={"nsamples"}),
        # As many as the greediest variant takes; the others take the first so many.
        nsamples=max(keys.nsamples(RUN, sweep) for sweep in GRID.sweeps),
    message:
        "Draw calibration tokens of {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/tokenize_calibration.py"


rule tokenize_recovery:
    input:
        model=MODEL,
        text=TEXT,
    output:
        RECOVERY,
    log:
        "results/logs/tokenize_recovery/{protocol}/{model}/{text}-seed{seed}.log",
    wildcard_constraints:
        protocol=re.escape(RUN.protocol),
        model=one_of(RUN.model_registry),
        text=one_of(RUN.data.texts),
        seed=r"\d+",
    conda:
        "../../environment.yml"
    params:
        engine=ENGINE_VERSION,
        settings=RUN.protocol_spec.calibration.model_dump_json(
            include={"seqlen", "selection"}
        ),
        validation=keys.VALIDATION_ROWS,
        training=max(map(keys.recovery_rows, GRID.sweeps)) - keys.VALIDATION_ROWS,
    message:
        "Draw tokens of {wildcards.text} to fine-tune {wildcards.model} on, seed {wildcards.seed}"
    script:
        "../scripts/tokenize_recovery.py"


rule tokenize_windows:
    input:
        model=MODEL,
        text=TEXT,
    output:
        WINDOWS,
    log:
        "results/logs/tokenize_windows/{protocol}/{model}/{text}.log",
    wildcard_constraints:
        protocol=re.escape(RUN.protocol),
        model=one_of(RUN.model_registry),
        text=one_of(RUN.data.texts),
    conda:
        "../../environment.yml"
    params:
        engine=ENGINE_VERSION,
        settings=RUN.protocol_spec.perplexity.model_dump_json(exclude={"texts"}),
    message:
        "Tokenize {wildcards.text} for {wildcards.model}"
    script:
        "../scripts/tokenize_windows.py"
