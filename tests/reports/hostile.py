"""Strings that try to become code wherever they are shown."""

HTML = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=2'>&lt;{{7*7}}"
LATEX = r"\input{/etc/passwd}%$_^~&#\end{tabular}"
MATH = r"$\undefined{ $x^$"
CSV = 'a,"b"\nc;\td'
TEXTS = [HTML, LATEX, MATH, CSV, "<!--", "]]>", "javascript:alert(1)", "大学 \u202egnirts", "__proto__", "NA", "1e5"]


def make_hostile(frame):
    """Every free text of a collected frame replaced: reasons, remarks and continuations."""
    frame = frame.copy()
    frame["reason"] = [f"{reason} {HTML} {LATEX}" if reason else reason for reason in frame["reason"]]
    texts = frame["metric"] == "continuation"
    frame.loc[texts, "value"] = [TEXTS[i % len(TEXTS)] for i in range(texts.sum())]
    return frame


def make_hostile_titles(provenance):
    """Every title and citation of a summary replaced."""
    for what in ("models", "methods", "datasets"):
        for i, entry in enumerate(provenance[what]):
            entry["title"] = f"{entry['name']} {TEXTS[i % 3]}"
            entry["cite"] = HTML
    provenance["protocols"]["laptop-512"]["title"] = HTML
    provenance["environments"][0]["cpu"] = HTML
    return provenance
