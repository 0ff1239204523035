"""JSON and CSV of a comparison."""

import csv
import io
import json

import msgspec

from hv.root.compare.files import to_csv, to_json
from hv.root.comparison import Comparison
from tests.comparisons import comparison, many

LEVELS = ("low", "typical", "high")


def test_json_is_the_whole_comparison() -> None:
    original = many(3)
    data = to_json(original)
    assert msgspec.json.decode(data, type=Comparison) == original
    assert json.loads(data)["schema"] == "hv.compare/1"
    assert data.endswith(b"}\n")
    assert list(json.loads(data))[:3] == ["schema", "versions", "cost_model"]


def test_the_same_comparison_is_the_same_bytes() -> None:
    assert to_json(many(4)) == to_json(many(4))
    assert to_csv(many(4)) == to_csv(many(4))


def test_csv_has_one_row_a_path() -> None:
    data = many(3)
    rows = list(csv.DictReader(io.StringIO(to_csv(data).decode())))
    paths = [(work.work, path.path) for work in data.works for path in work.paths]
    assert [(row["work"], row["path"]) for row in rows] == paths


def test_the_causes_of_a_row_add_up_to_its_cycles() -> None:
    causes = (
        "guest_instructions",
        "world_switches",
        "intercept_delivery",
        "device_work",
        "data_movement",
        "interrupt_injection",
    )
    for row in csv.DictReader(io.StringIO(to_csv(comparison()).decode())):
        for level in LEVELS:
            parts = sum(int(row[f"{cause}_{level}"]) for cause in causes)
            assert parts == int(row[f"cycles_{level}"]) > 0


def test_csv_has_the_figures_of_the_json() -> None:
    row = list(csv.DictReader(io.StringIO(to_csv(comparison()).decode())))[2]
    path = json.loads(to_json(comparison()))["works"][0]["paths"][2]
    for name in ("path", "kind", "insns", "exits", "injections", "guest_cycles", "checksum"):
        assert row[name] == str(path[name])
    assert row["ratio_typical"] == str(path["ratio"]["typical"])
    assert (row["unit"], row["units"], row["baseline"]) == ("MiB", "1", "pio-polled")
