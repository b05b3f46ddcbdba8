# What a run leaves for people to look at, by name.

# Records are guarded by ENGINE_VERSION; what is made from them takes seconds, so any edit to its code makes it anew.
COLLECT_CODE = digest_folder(Path(prunebench.results.__file__).parent)
REPORT_CODE = digest_folder(Path(prunebench.reports.__file__).parent)

REPORT_NAMES = report_names(
    RUN.models, RUN.protocol_spec.perplexity.texts, RUN.zeroshot_tasks, RUN.evaluate
)
TABLES = expand(
    f"{TABLE_FOLDER}/{{name}}.{{ending}}",
    name=REPORT_NAMES.tables,
    ending=["tex", "csv"],
)
ALL_TABLES = f"{TABLE_FOLDER}/{TABLE_DOCUMENT}"
FIGURES = expand(
    f"{FIGURE_FOLDER}/{{name}}.{{ending}}",
    name=REPORT_NAMES.figures,
    ending=["pdf", "svg", "png"],
)
METHOD_PAGES = expand(f"{METHOD_FOLDER}/{{name}}.html", name=method_names(RUN.methods))
PAPER = paper_names(RUN.paper, RUN.paper_layout)


def reported(paths, ending, category):
    """The outputs, those with an ending flagged: `snakemake --report` shows them under a category, by their name."""

    def flagged(path):
        return report(path, category=category, labels={"name": Path(path).stem})

    return [flagged(path) if path.endswith(ending) else path for path in paths]
