"""Every app with every engine, one after the other in one browser."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from playwright.sync_api import Error as DriverError

from klein_ui.bench import engines
from klein_ui.bench.apps import AppError
from klein_ui.bench.browser import chromium, find_chromium
from klein_ui.bench.plan import Plan
from klein_ui.bench.report import Row
from klein_ui.bench.session import measure


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of one run, single keys first; what is not here, and what should have run."""

    chromium: str
    rows: tuple[Row, ...]
    skipped: tuple[str, ...]
    failed: tuple[str, ...]


def measure_all(names: Sequence[str], apps: Sequence[str], plan: Plan) -> Found | None:
    """Measure `apps` with the engines called `names`; None where there is no Chromium."""
    path = find_chromium()
    if path is None:
        return None
    rows: list[Row] = []
    skipped: list[str] = []
    failed: list[str] = []
    with chromium(path) as browser:
        for spec in map(engines.spec_of, names):
            if absence := engines.missing(spec):
                skipped.append(absence)
                continue
            for app in apps:
                print(f"{spec.name}: {app} …", file=sys.stderr, flush=True)
                try:
                    rows.extend(measure(browser, app, spec, plan))
                except (AppError, DriverError) as error:
                    failed.append(f"{spec.name}: {app} did not run: {error}")
        rows.sort(key=lambda row: row.scenario == "burst")
        return Found(browser.version, tuple(rows), tuple(skipped), tuple(failed))
