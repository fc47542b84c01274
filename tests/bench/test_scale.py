"""The command that simulates a cluster, as it is called."""

import json
from pathlib import Path

from klein_ui.bench import __main__ as bench
from klein_ui.bench import scale


def test_a_row_for_each_cluster_and_way_to_seat(tmp_path: Path) -> None:
    found = tmp_path / "scale.json"
    assert bench.main(["scale", "--quick", "--seconds", "3", "--json", str(found)]) == 0
    report = json.loads(found.read_text())
    rows = report["rows"]
    assert [row["place"] for row in rows] == list(scale.PLACES)
    assert all(row["cards"] == 4 and row["users"] == 125 for row in rows)
    assert all(row["pictures_per_s"] > 0 and row["useful_per_user_s"] > 0 for row in rows)
    assert {"hardware", "revision", "command", "rows", "bars"} <= report.keys()


def test_a_quicker_card_shows_more(tmp_path: Path) -> None:
    def useful(quick_ms: str, slow_ms: str) -> float:
        found = tmp_path / f"{quick_ms}.json"
        flags = ["--quick", "--seconds", "5", "--quick-ms", quick_ms, "--slow-ms", slow_ms]
        assert bench.main(["scale", *flags, "--json", str(found)]) == 0
        return float(json.loads(found.read_text())["rows"][0]["useful_per_user_s"])

    assert useful("60", "195") > 1.5 * useful("190", "570")
