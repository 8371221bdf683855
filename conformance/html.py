"""Pages of what came out: one for a run, one for the matrix. Each is a single file."""

from __future__ import annotations

import html as escaping
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from .cases import Vector
from .layout import dump, parts_of, readable
from .results import Result

if TYPE_CHECKING:
    from .matrix import Cell, Matrix
    from .report import Run

__all__ = ["page_of_matrix", "page_of_runs"]

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --good: #1a7f37; --bad: #cf222e;
  --else: #9a6700 }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #ff7b72; --else: #d29922 } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto }
body { max-width: 70rem; padding: 0 1rem 4rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2.5rem }
.wide { overflow-x: auto }
table { border-collapse: collapse } th, td { padding: .3rem .7rem }
th, td { border-bottom: 1px solid var(--line) }
th { text-align: left; font-weight: 600 } td { text-align: right; white-space: nowrap }
tbody th { position: sticky; left: 0; background: Canvas }
td.words { text-align: left; white-space: normal }
a { color: inherit } .good { color: var(--good) } .bad { color: var(--bad) }
.else { color: var(--else) }
details { border-bottom: 1px solid var(--line); padding: .2rem 0 } details > * { margin-left: 1rem }
summary { cursor: pointer; margin-left: 0; overflow-wrap: anywhere }
pre { overflow-x: auto; font-size: .8rem; line-height: 1.35; background: #8881; padding: .5rem }
p.detail { white-space: pre-wrap; overflow-wrap: anywhere }
"""


def page_of_runs(runs: Sequence[Run]) -> str:
    """Return the page of some testees: for each the counts by topic, then every case."""
    if len(runs) == 1:
        return _page(runs[0].title, _alone(runs[0], "run", title=False))
    parts = list(_runs(runs))
    for number, run in enumerate(runs):
        parts += [f'<h2 id="run-{number}">{_text(run.name)}</h2>', *_alone(run, f"run-{number}")]
    return _page("Hyperglyph 1.0: who conforms", parts)


def page_of_matrix(matrix: Matrix) -> str:
    """Return the page of the matrix: each cell leads to its cases, and those to their octets."""
    parts = [
        "<p>Every implementation by itself, and every client against every server. "
        "A cell leads to its cases, a case to its octets; of those by themselves that passed, "
        "the names alone are here.</p>",
        "<h2>Clients against servers</h2>",
        *_cells(matrix),
        "<h2>By themselves</h2>",
        *_runs(matrix.runs),
    ]
    if matrix.missing:
        lines = (f"<li>{_text(name)}: {_text(why)}</li>" for name, why in matrix.missing)
        parts += ["<h2>Not run</h2><ul>", *lines, "</ul>"]
    for cell in matrix.cells:
        parts += [
            f'<h2 id="{_anchor(cell)}">{_text(cell.client)} against {_text(cell.server)}</h2>',
            *_cases(cell.results),
        ]
    for number, run in enumerate(matrix.runs):
        parts += [f'<h2 id="run-{number}">{_text(run.name)}</h2>', *_alone(run, f"run-{number}")]
    return _page("Hyperglyph 1.0: who understands whom", parts)


def _cells(matrix: Matrix) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr><th></th>'
    yield from (f"<th>{_text(server)}</th>" for server in matrix.servers)
    yield "</tr></thead><tbody>"
    for client in matrix.clients:
        yield f"<tr><th>{_text(client)}</th>"
        for server in matrix.servers:
            cell = matrix.cell(client, server)
            shown = f"{cell.passed}/{len(cell.results)}"
            kind = "good" if cell.well else "bad"
            yield f'<td><a class="{kind}" href="#{_anchor(cell)}">{shown}</a></td>'
        yield "</tr>"
    yield "</tbody></table></div>"


def _runs(runs: Sequence[Run]) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr><th>testee</th><th>passed</th><th>cases</th>'
    yield "<th>verdict</th></tr></thead><tbody>"
    for number, run in enumerate(runs):
        passed = sum(result.outcome == "passed" for result in run.results)
        kind = "good" if run.conforms else "bad"
        yield f'<tr><th><a href="#run-{number}">{_text(run.name)}</a></th><td>{passed}</td>'
        yield f"<td>{len(run.results)}</td>"
        yield f'<td class="words {kind}">{_text(run.verdict)}</td></tr>'
    yield "</tbody></table></div>"


def _alone(run: Run, anchor: str, *, title: bool = True) -> Iterator[str]:
    front = f"{_text(run.title)}: " if title else ""
    yield f"<p>{front}{_text(run.verdict)}, in {run.seconds:.1f} s</p>"
    if run.problem:
        yield f'<p class="detail">{_text(run.problem)}</p>'
        return
    topics = sorted({result.case.topic for result in run.results})
    yield '<div class="wide"><table><thead><tr><th>topic</th><th>passed</th><th>cases</th>'
    yield "</tr></thead><tbody>"
    for topic in topics:
        counts = Counter(
            result.outcome == "passed" for result in run.results if result.case.topic == topic
        )
        name = f'<a href="#{anchor}-{_text(topic)}">{_text(topic)}</a>'
        yield f"<tr><th>{name}</th><td>{counts[True]}</td><td>{counts.total()}</td></tr>"
    yield "</tbody></table></div>"
    for line in run.untrue:
        yield f'<p class="bad">{_text(line.where)}: {_text(line.pattern)} passes now</p>'
    for topic in topics:
        yield f'<h3 id="{anchor}-{_text(topic)}">{_text(topic)}</h3>'
        of_topic = [result for result in run.results if result.case.topic == topic]
        yield from _cases(of_topic, brief=True)


def _cases(results: Iterable[Result], *, brief: bool = False) -> Iterator[str]:
    """Every case; `brief`: of those that passed, the names alone."""
    passed = [result for result in results if brief and result.outcome == "passed"]
    for result in results:
        if not (brief and result.outcome == "passed"):
            yield from _case(result)
    if passed:
        yield f'<details><summary><span class="good">passed</span> {len(passed)} cases</summary>'
        yield f"<p>{_text(', '.join(result.case.name for result in passed))}</p></details>"


def _case(result: Result) -> Iterator[str]:
    kind = "good" if result.outcome == "passed" else "bad" if result.fails else "else"
    words = result.outcome if not result.known else f"{result.outcome}, as is known"
    yield f'<details><summary><span class="{kind}">{_text(words)}</span> '
    yield f"{_text(result.case.name)}</summary>"
    yield f"<p>{_text(' '.join(result.case.requirements))}</p>"
    for said in (result.detail, result.known, *result.notes):
        if said:
            yield f'<p class="detail">{_text(said)}</p>'
    for who, octets in result.seen:
        yield f"<p>{_text(who)}</p><pre>{_text(readable(octets))}</pre>"
    for what, octets in () if result.seen else parts_of(result.case):
        yield f"<p>{_text(what)}</p><pre>{_text(chr(10).join(dump(octets)))}</pre>"
    if not isinstance(result.case, Vector) and result.outcome != "passed":
        source = json.dumps(result.case.source, indent=1, ensure_ascii=False)
        yield f"<pre>{_text(source[:20_000])}</pre>"
    yield "</details>"


def _anchor(cell: Cell) -> str:
    return f"{cell.client}--{cell.server}"


def _text(text: str) -> str:
    return escaping.escape(text)


def _page(title: str, parts: Iterable[str]) -> str:
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{_text(title)}</h1>",
            *parts,
            "</body></html>",
        ]
    )
