"""The Benchmark tab: one component drawn by assets/benchmark.js, and the functions it calls; and the recall dial."""

from collections.abc import Callable

import gradio as gr

from core.types import Json
from gradio_ui import benchmark_handlers, handlers
from gradio_ui.jobs import Jobs
from gradio_ui.page import Page
from gradio_ui.shelf import uploaded
from gradio_ui.static_files import mount


def build(page: Page) -> gr.HTML:
    """Lay out the tab; its functions are called directly by the page's JavaScript, without a queue."""
    engine, settings, jobs = page.engine, page.settings, Jobs("Measuring the indexes")

    def open_curves(request: Json) -> Json:
        gallery = str(request["gallery"])
        if jobs.is_building(gallery):
            return {"state": "building"}
        return handlers.answered(lambda: benchmark_handlers.open_curves(engine, settings, gallery))

    def start(request: Json) -> Json:
        return handlers.answered(lambda: benchmark_handlers.start(settings, jobs, request))

    def progress(request: Json) -> Json:
        return jobs.state(str(request["gallery"]))

    def cancel(request: Json) -> Json:
        jobs.cancel(str(request["gallery"]))
        return {}

    def apply_setting(request: Json) -> Json:
        return handlers.answered(lambda: benchmark_handlers.apply(settings, engine, jobs, request))

    def files(request: Json) -> Json:
        gallery = str(request["gallery"])
        return handlers.answered(lambda: benchmark_handlers.files(engine, settings, page.shelf, gallery))

    def results(request: Json) -> Json:
        return handlers.answered(lambda: {**benchmark_handlers.results(), "plotly": benchmark_handlers.plotly_url()})

    return gr.HTML(
        html_template='<div class="pm-bench"></div>',
        js_on_load=mount("benchmark.js"),
        server_functions=[
            open_curves, start, progress, cancel, apply_setting, files, results, *dial_functions(page)
        ],
        apply_default_css=False,
        elem_id="pm-bench",
    )  # fmt: skip


def dial_functions(page: Page) -> list[Callable[[Json], Json]]:
    """Return what a recall dial asks the server, for the component that holds one: `dial_read`, `dial_advice`."""
    from core.evaluation.dial import Dial

    engine, settings, dial = page.engine, page.settings, Dial(page.engine)

    def dial_read(request: Json) -> Json:
        def work() -> Json:
            picture = uploaded(str(request["path"])) if request.get("path") else None
            return benchmark_handlers.read(engine, settings, dial, request, picture)

        return handlers.answered(work)

    def dial_advice(request: Json) -> Json:
        return handlers.answered(lambda: benchmark_handlers.advice(engine, settings, request))

    return [dial_read, dial_advice]
