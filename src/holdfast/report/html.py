"""The report as one self-contained HTML page: no script, no external resource, every value escaped."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.report.markup import Markup, el, raw
from holdfast.report.model import Evidence, Figure, Promise, Report, Verdict
from holdfast.report.page import brand, page
from holdfast.report.plots import plots, timeline
from holdfast.report.section import ICONS, section
from holdfast.report.tables import environment, evidence, read_back, steps, trials, untested
from holdfast.report.units import figure_text, seconds_text
from holdfast.report.usage import usage_section

AT_THE_END = "What is kept at the end of the run, the first day forgotten and pruned."
_TITLES = {
    "rpo": "Recovery point (RPO)",
    "rto": "Recovery time (RTO)",
    "retention": "Retention",
    "availability": "Availability",
    "users": "Users",
}
_TILES = (
    ("rto_seconds", "from the loss of the region to the last restored byte"),
    ("files_compared", "files restored, and each compared with what was acknowledged"),
    ("dedup_ratio", "as much in the snapshots as is stored for them"),
    ("lag_p99_seconds", "replication lag, 99th percentile"),
    ("peak_memory_bytes", "peak memory of every process together"),
)


def to_html(report: Report) -> str:
    """Return the whole page. The same report gives the same page, byte for byte."""
    sections = [
        _promises(report),
        timeline(report),
        plots(report),
        usage_section(report.usage, AT_THE_END) if report.usage else None,
        trials(report.trials),
        steps(report.steps),
        read_back(report.read_back),
        untested(report),
        environment(report),
        evidence(report),
    ]
    return page(
        f"Rehearsal of {', '.join(report.platforms)}: {report.verdict.value}",
        el("a", "Skip to the promises", href="#promises", class_="skip"),
        _masthead(report),
        el("main", sections),
        _foot(report),
    )


def headline(report: Report) -> str:
    """Return the verdict as the page's first sentence."""
    total = len(report.promises)
    failed = [trial for trial in report.trials if not trial.passed]
    broken = sum(promise.met is False for promise in report.promises)
    if report.verdict is Verdict.INCOMPLETE:
        return "The rehearsal did not finish"
    if broken:
        return f"{broken} of {total} promises {'was' if broken == 1 else 'were'} not met"
    if failed:
        return f"{len(failed)} {'trial' if len(failed) == 1 else 'trials'} failed"
    if report.met == total == 1:
        return "The one promise held"
    if report.met == total:
        return f"All {total} promises held"
    return f"{report.met} of {total} promises held, {total - report.met} unproven"


def _masthead(report: Report) -> Markup:
    state = {Verdict.HELD: "yes", Verdict.NOT_MET: "no", Verdict.INCOMPLETE: "open"}[report.verdict]
    return el(
        "header",
        brand(f"rehearsal of {', '.join(report.platforms)}"),
        el("div", el("h1", raw(ICONS[state]), el("span", headline(report))), class_=f"verdict {state}"),
        el("p", report.summary or report.stopped, class_="lead"),
        el("p", el("strong", "Stopped: "), report.stopped, class_="stopped")
        if report.stopped and report.summary
        else None,
        _tiles(report.figures),
        el(
            "p",
            f"{report.started.replace('T', ' ')[:19]} UTC, {seconds_text(report.seconds)} in all, ",
            el("code", report.command),
            class_="when",
        ),
        class_="masthead",
    )


def _tiles(figures: Mapping[str, Figure]) -> Markup | None:
    shown = [(name, says) for name, says in _TILES if name in figures]
    if not shown:
        return None
    return el(
        "dl",
        [el("div", el("dt", says), el("dd", figure_text(name, figures[name]))) for name, says in shown],
        class_="tiles",
    )


def _promises(report: Report) -> Markup:
    says = (
        "Measured: this run showed it. Derived: computed from the synthesized templates. Unproven: neither; nothing "
        "here speaks for or against it."
    )
    return section(
        "promises", "Promises", says, el("ol", [_promise(promise) for promise in report.promises], class_="promises")
    )


def _promise(promise: Promise) -> Markup:
    state, word = {True: ("yes", "met"), False: ("no", "not met"), None: ("open", "open")}[promise.met]
    used = promise.figures.get("used_percent")
    return el(
        "li",
        el("p", raw(ICONS[state]), el("span", word), class_="state"),
        el(
            "div",
            el("h3", _TITLES.get(promise.name, promise.name)),
            el("p", "promised ", el("b", promise.promised)),
            class_="what",
        ),
        el("div", el("p", promise.value, class_="value"), _chip(promise.evidence), _meter(used), class_="found"),
        el(
            "div",
            el("p", promise.how),
            el("p", el("b", "Not shown: "), promise.partly, class_="partly") if promise.partly else None,
            class_="how",
        ),
        class_=f"promise {state}",
    )


def _chip(evidence: Evidence) -> Markup:
    return el("span", evidence.value, class_=f"chip {evidence.value}")


def _meter(used: Figure | None) -> Markup | None:
    if not isinstance(used, int | float):
        return None
    bar = el("i", style=f"width:{min(100.0, max(0.6, used)):.1f}%")
    return el(
        "p", el("span", bar, class_="meter", aria_hidden="true"), f"{used:.2g} % of the promise used", class_="used"
    )


def _foot(report: Report) -> Markup:
    return el(
        "footer",
        el(
            "p",
            f"Holdfast {report.holdfast}. Measured on one machine with an embedded AWS: no forecast of AWS's speed.",
        ),
    )
