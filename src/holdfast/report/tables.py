"""The page's tables and lists: trials, steps, the read-back gate, what was not tested, environment and evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.report.markup import Markup, el, many
from holdfast.report.model import Figure, ReadBackRow, Report, Step, Trial
from holdfast.report.section import icon, section
from holdfast.report.units import bytes_text, count_text, figure_text, label_text


def trials(tried: Sequence[Trial]) -> Markup | None:
    """Return what was tried on purpose, with expectation and outcome."""
    if not tried:
        return None
    rows = [
        el(
            "li",
            el(
                "p",
                icon(trial.passed),
                el("span", "passed" if trial.passed else "failed"),
                class_="state",
            ),
            el("h3", trial.name),
            el("p", el("b", "Expected "), trial.expected),
            el("p", el("b", "Observed "), trial.observed),
            class_=f"trial {'yes' if trial.passed else 'no'}",
        )
        for trial in tried
    ]
    return section(
        "trials",
        "Tried on purpose",
        "Faults and repeats the system has to stand, each with what happened.",
        el("ol", rows, class_="trials"),
    )


def steps(taken: Sequence[Step]) -> Markup | None:
    """Return the table of steps, each with its figures."""
    if not taken:
        return None
    rows = [
        el(
            "tr",
            el("th", step.name, scope="row"),
            el("td", f"{step.seconds:.1f}", class_="number"),
            el("td", step.says, _figures(step.figures)),
        )
        for step in taken
    ]
    head = el(
        "tr",
        el("th", "step", scope="col"),
        el("th", "seconds", scope="col", class_="number"),
        el("th", "what it did", scope="col"),
    )
    return section(
        "steps",
        "Steps",
        "",
        el("div", el("table", el("thead", head), el("tbody", rows)), class_="card scroll", tabindex="0"),
    )


def _figures(figures: Mapping[str, Figure]) -> Markup | None:
    if not figures:
        return None
    pairs = [
        el("div", el("dt", label_text(name)), el("dd", figure_text(name, value))) for name, value in figures.items()
    ]
    return el("details", el("summary", f"{len(pairs)} figures"), el("dl", pairs, class_="figures"))


def read_back(rows: Sequence[ReadBackRow]) -> Markup | None:
    """Return the gate's result: what differs and what is not echoed first."""
    if not rows:
        return None
    by = {verdict: [row for row in rows if row.verdict == verdict] for verdict in ("different", "not echoed", "same")}
    says = (
        f"After the deployment, {count_text(len(rows))} promised properties were compared with what each service's API "
        f"answers: {count_text(len(by['same']))} the same, {len(by['different'])} different, {len(by['not echoed'])} "
        "not echoed (unproven, because the embedded AWS does not answer them)."
    )
    shown = by["different"] + by["not echoed"]
    same = many(
        el("summary", f"{count_text(len(by['same']))} properties read back the same"), _property_table(by["same"])
    )
    tables = [_property_table(shown) if shown else None, el("details", same, class_="card")]
    return section("read-back", "Read-back gate", says, *tables)


def _property_table(rows: Sequence[ReadBackRow]) -> Markup:
    head = el(
        "tr",
        [el("th", name, scope="col") for name in ("resource", "property", "template", "service answers", "verdict")],
    )
    body = [
        el(
            "tr",
            el("th", row.resource, el("small", row.type), scope="row"),
            [el("td", text) for text in (row.property, row.wanted, row.got)],
            el("td", row.verdict, el("small", row.reason or None), class_=row.verdict.replace(" ", "-")),
        )
        for row in rows
    ]
    return el("div", el("table", el("thead", head), el("tbody", body)), class_="scroll", tabindex="0")


def untested(report: Report) -> Markup | None:
    """Return what the rehearsal cannot show."""
    if not report.untested:
        return None
    items = [el("li", el("b", item.subject), el("p", item.why)) for item in report.untested]
    return section(
        "untested",
        "What was not tested",
        "A rehearsal on one machine cannot show these. Nothing above rests on them.",
        el("ul", items, class_="card untested"),
    )


def environment(report: Report) -> Markup | None:
    """Return the versions and the machine."""
    if not report.environment:
        return None
    pairs = [el("div", el("dt", name), el("dd", value)) for name, value in report.environment.items()]
    return section("environment", "Environment", "", el("dl", pairs, class_="card figures environment"))


def evidence(report: Report) -> Markup | None:
    """Return the evidence files with their hashes."""
    if not report.evidence:
        return None
    head = el("tr", [el("th", name, scope="col") for name in ("file", "what it is", "size", "SHA-256")])
    rows = [
        el(
            "tr",
            el("th", file.name, scope="row"),
            el("td", file.what),
            el("td", bytes_text(file.bytes)),
            el("td", el("code", file.sha256)),
        )
        for file in report.evidence
    ]
    says = "These files lie beside this page; `sha256sum` tells whether they are the ones it was drawn from."
    return section(
        "evidence",
        "Evidence",
        says,
        el("div", el("table", el("thead", head), el("tbody", rows)), class_="card scroll", tabindex="0"),
    )
