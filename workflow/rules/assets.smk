# Models, texts and tasks: fetched (or, for the tiny models, trained) once, pinned in the registries.
localrules:
    fetch_model,
    fetch_text,
    fetch_task,


rule fetch_model:
    output:
        MODEL,
    log:
        "results/logs/fetch_model/{model}.log",
    wildcard_constraints:
        model=one_of(FETCHED),
    conda:
        "../../environment.yml"
    params:
        spec=lambda wildcards: RUN.model_registry[wildcards.model].digest,
    message:
        "Fetch model {wildcards.model}"
    script:
        "../scripts/fetch_model.py"


rule train_tiny:
    input:
        text=lambda wildcards: TEXT.format(
            text=RUN.model_registry[wildcards.model].training_text
        ),
    output:
        MODEL,
    log:
        "results/logs/train_tiny/{model}.log",
    wildcard_constraints:
        model=one_of(TRAINED),
    conda:
        "../../environment.yml"
    threads: RUN.threads
    resources:
        cpus_per_task=RUN.threads,
        gpu=0,
        gres="",
    params:
        spec=lambda wildcards: RUN.model_registry[wildcards.model].digest,
    message:
        "Train model {wildcards.model}"
    script:
        "../scripts/train_tiny.py"


rule fetch_text:
    output:
        TEXT,
    log:
        "results/logs/fetch_text/{text}.log",
    wildcard_constraints:
        text=one_of(RUN.data.texts),
    conda:
        "../../environment.yml"
    params:
        spec=lambda wildcards: RUN.data.texts[wildcards.text].digest,
    message:
        "Fetch text {wildcards.text}"
    script:
        "../scripts/fetch_text.py"


rule fetch_task:
    output:
        TASK,
    log:
        "results/logs/fetch_task/{task}.log",
    wildcard_constraints:
        task=one_of(RUN.data.tasks),
    conda:
        "../../environment.yml"
    params:
        spec=lambda wildcards: RUN.data.tasks[wildcards.task].digest,
    message:
        "Fetch task {wildcards.task}"
    script:
        "../scripts/fetch_task.py"
