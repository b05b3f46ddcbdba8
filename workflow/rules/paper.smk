# A paper's own tables and figures beside the leaderboard; included only if the config names a paper.
localrules:
    make_paper,
    typeset_paper,


rule make_paper:
    input:
        layout=PAPER.layout,
        published=PAPER.numbers,
        readme=PAPER.readme,
        metrics=METRICS,
        provenance=PROVENANCE,
    output:
        page=report(PAPER.page[0], caption="../report/paper.rst", category="Paper"),
        files=reported(PAPER.files, ".svg", "Paper"),
    log:
        "results/logs/make_paper.log",
    conda:
        "../../environment.yml"
    params:
        code=REPORT_CODE,
    message:
        "Make {output.page}"
    script:
        "../scripts/make_paper.py"


# Asked for by its name alone: not everybody has LaTeX.
rule typeset_paper:
    input:
        document=PAPER.document,
        files=[path for path in PAPER.files if path != PAPER.document],
    output:
        report(PAPER.pdf, caption="../report/document.rst", category="Paper"),
    log:
        "results/logs/typeset_paper.log",
    conda:
        "../../environment.yml"
    message:
        "Make {output}"
    script:
        "../scripts/typeset_paper.py"
