"""Reading the plots of a page in a browser, and the rows they are made of."""

from prunebench.reports.source import Source

TEXT = ("perplexity", "wiki-sample")


def shown(tab, name):
    """The traces of a plot, by name; waits until it is drawn as the view is now."""
    tab.locator(f"#{name}-plot").scroll_into_view_if_needed()
    tab.wait_for_function("name => window.Plotly && !stale.has(name)", arg=name)
    traces = tab.evaluate("name => document.querySelector(`#${name}-plot .canvas`).data ?? []", name)
    return [{"name": None, "customdata": None, "error_y": None, **trace} for trace in traces]


def scored(files, metric, dataset, model="smollm2-135m"):
    frame = Source.read(*files).metrics
    return frame[(frame["model"] == model) & (frame["metric"] == metric) & (frame["dataset"] == dataset)]


def named(traces, title):
    return [trace for trace in traces if trace["name"] == title and "markers" in trace["mode"]]


def hover(tab, plot, title):
    """Move to the first point of a method; returns what pops up, and where."""
    point = tab.evaluate(
        """([plot, title]) => {
            const box = document.querySelector(`#${plot}-plot .canvas`), {left, top} = box.getBoundingClientRect();
            const trace = box._fullData.find(({name, mode}) => name === title && mode.includes("markers"));
            const axis = name => box._fullLayout[`${name[0]}axis${name.slice(1)}`];
            const [h, v] = [axis(trace.xaxis), axis(trace.yaxis)];
            return [left + h._offset + h.d2p(trace.x[0]), top + v._offset + v.d2p(trace.y[0])];
        }""",
        [plot, title],
    )
    tab.mouse.move(*point)
    tab.wait_for_selector(f"#{plot}-plot .hoverlayer .hovertext")
    return tab.locator(f"#{plot}-plot .hoverlayer").text_content(), point
