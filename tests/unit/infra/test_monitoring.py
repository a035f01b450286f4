"""Metrics count lines that the code writes; objectives, alerts and charts use those metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from tests.support.log_filters import Entry, compiled, field_of
from tests.support.log_lines import everything_logged

INFRA = Path(__file__).parents[3] / "infra"
MONITORING: dict[str, Any] = yaml.safe_load((INFRA / "monitoring.yaml").read_text("utf-8"))
METRICS, ALERTS = MONITORING["metrics"], MONITORING["alerts"]
OBJECTIVES, CHARTS = MONITORING["objectives"], MONITORING["charts"]
PREFIX = "logging_googleapis_com:user_benchkeeper_"
OURS = 'resource.type="cloud_run_revision" AND resource.labels.service_name=~"^benchkeeper-"'

# What each metric counts: the actions of the lines, None for a line without one.
COUNTED: dict[str, set[str | None]] = {
    "access_incidents": {"access.incident"},
    "access_late": {"access.late"},
    "access_seconds": {"access.ended"},
    "announce_failed": {"announce.failed"},
    "documents_unreadable": {"document.unreadable"},
    "due_seconds": {"tick.due"},
    "events": {
        "intent.applied",
        "intent.scheduled",
        "intent.duplicate",
        "intent.stale",
        "intent.cancelled",
        "order.applied",
    },
    "health": {"health.changed"},
    "lost": {"resource.lost"},
    "parked": {"event.parked"},
    "phases": {"phase.changed"},
    "process_refused": {"process.refused"},
    "profiles_invalid": {"profiles.invalid"},
    "profiles_unreachable": {"profiles.unreachable"},
    "queued": {"tick.due"},
    "ready_seconds": {"phase.changed"},
    "requests_failed": {"fleet.failed", None},
    "scans_failed": {"scan.failed"},
    "steps_failed": {"step.failed"},
    "stored_seconds": {"intent.applied", "intent.scheduled", "intent.stale", "order.applied"},
    "ticks": {"tick.due"},
}


@pytest.fixture(scope="module")
def entries() -> Iterator[list[Entry]]:
    with pytest.MonkeyPatch.context() as patch:
        yield everything_logged(patch)


def counted(metric: str, entries: list[Entry]) -> list[Entry]:
    """The entries that a metric counts, by the filter that Terraform gives it."""
    filter = f"{OURS} AND ({METRICS[metric]['filter']})"
    return [entry for entry in entries if compiled(filter)(entry)]


def action_of(entry: Entry) -> str | None:
    action: str | None = entry["jsonPayload"].get("action")
    return action


# Metrics and lines


def test_the_filter_is_the_one_that_terraform_puts_before_each() -> None:
    source = (INFRA / "monitoring-metrics.tf").read_text("utf-8")
    assert f'_ours = "{OURS}"' in source.replace('\\"', '"')
    assert 'filter      = "${local._ours} AND (${each.value.filter})"' in source


def test_each_metric_has_its_expectation_here() -> None:
    assert COUNTED.keys() == METRICS.keys()


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_counts_the_lines_it_is_about_and_no_other(
    metric: str, entries: list[Entry]
) -> None:
    assert {action_of(entry) for entry in counted(metric, entries)} == COUNTED[metric]


@pytest.mark.parametrize("metric", METRICS)
def test_fields_that_a_metric_extracts_exist_in_the_line(metric: str, entries: list[Entry]) -> None:
    for entry in counted(metric, entries):
        for field in METRICS[metric].get("labels", {}).values():
            assert isinstance(field_of(entry, field), str), entry
        if "value" in METRICS[metric]:
            assert isinstance(field_of(entry, METRICS[metric]["value"]), int | float), entry


def test_a_distribution_has_a_unit_and_bounds_that_grow() -> None:
    for name, metric in METRICS.items():
        assert ("value" in metric) == ("bounds" in metric) == ("unit" in metric), name
        bounds = metric.get("bounds", [])
        assert bounds == sorted(set(bounds)), name


def test_only_ready_caused_by_an_event_is_counted(entries: list[Entry]) -> None:
    phases = {entry["jsonPayload"]["phase"] for entry in counted("ready_seconds", entries)}
    assert phases == {"ready"}


def test_lines_of_other_functions_are_not_counted(entries: list[Entry]) -> None:
    other = {"type": "cloud_run_revision", "labels": {"service_name": "a-service-of-theirs"}}
    theirs = [{**entry, "resource": other} for entry in entries]
    assert [metric for metric in METRICS if counted(metric, theirs)] == []


# Objectives


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_limit_of_an_objective_is_a_bound_of_its_metric(name: str) -> None:
    """Otherwise Monitoring would have to estimate how many values are below it."""
    objective = OBJECTIVES[name]
    assert objective["within"] in METRICS[objective["metric"]]["bounds"]
    assert 0 < objective["goal"] < 1


@pytest.mark.parametrize("name", OBJECTIVES)
def test_misses_of_an_objective_are_measured_as_well(name: str, entries: list[Entry]) -> None:
    objective = OBJECTIVES[name]
    field = METRICS[objective["metric"]]["value"]
    values = [field_of(entry, field) for entry in counted(objective["metric"], entries)]
    assert min(values) <= objective["within"] < max(values)


def test_other_goals_can_be_set_for_the_objectives_there_are() -> None:
    variables = (INFRA / "monitoring-variables.tf").read_text("utf-8")
    [names] = re.findall(r"keys\(var\.objective_goals\), \[(.*?)\]", variables)
    assert re.findall(r'"(.*?)"', names) == sorted(OBJECTIVES)


# Queries


def queries() -> dict[str, str]:
    charts = {f"{c['title']}: {line}": q for c in CHARTS for line, q in c["lines"].items()}
    return {name: alert["query"] for name, alert in ALERTS.items()} | charts


class Selectors(list[Any]):
    """The metrics that a query selects, each with its labels."""

    def __init__(self, query: str) -> None:
        super().__init__()
        self._look(promql_parser.parse(query))

    def _look(self, part: Any) -> None:
        if isinstance(part, promql_parser.VectorSelector):
            self.append(part)
        for name in ("lhs", "rhs", "expr", "vector_selector", "vs", "param"):
            inner = getattr(part, name, None)
            if isinstance(inner, promql_parser.Expr):
                self._look(inner)
        for argument in getattr(part, "args", ()):
            self._look(argument)


@pytest.mark.parametrize(("name", "query"), queries().items())
def test_a_query_selects_metrics_that_exist_and_says_of_which_resource(
    name: str, query: str
) -> None:
    selectors = Selectors(query)
    assert len(selectors) == query.count("monitored_resource=") > 0
    for selector in selectors:
        resources = [m.value for m in selector.matchers.matchers if m.name == "monitored_resource"]
        assert resources == [resource_of(selector.name)], name


def resource_of(metric: str) -> str:
    """The resource that ``metric`` is of; fails if there is no such metric."""
    if not metric.startswith(PREFIX):
        resource: str = MONITORING["google"][metric]
        return resource
    name = metric.removeprefix(PREFIX)
    suffix = re.search("_(sum|count|bucket)$", name)
    known = METRICS.get(name.removesuffix(suffix[0]) if suffix else name)
    assert known is not None, metric
    assert ("value" in known) == bool(suffix), f"{metric}: only a distribution has a suffix"
    return "cloud_run_revision"


@pytest.mark.parametrize(("name", "query"), queries().items())
def test_a_query_uses_labels_that_the_metric_has(name: str, query: str) -> None:
    known = {"monitored_resource", "subscription_id", "service_name", "le"}
    for selector in Selectors(query):
        metric = METRICS.get(selector.name.removeprefix(PREFIX), {})
        known |= metric.get("labels", {}).keys()
        assert {m.name for m in selector.matchers.matchers} <= known, name
    for group in re.findall(r" by \((.*?)\)", query):
        assert set(group.split(", ")) <= known, name


def test_every_metric_is_used() -> None:
    asked = " ".join(queries().values())
    used = {
        name for name in METRICS if re.search(rf"{PREFIX}{name}(_sum|_count|_bucket)?\{{", asked)
    }
    assert used | {objective["metric"] for objective in OBJECTIVES.values()} == set(METRICS)
    assert {name for name in MONITORING["google"] if name in asked} == set(MONITORING["google"])


@pytest.mark.parametrize("name", ALERTS)
def test_monitoring_accepts_every_alert(name: str) -> None:
    alert = ALERTS[name]
    assert alert["severity"] in ("CRITICAL", "ERROR", "WARNING")
    assert re.fullmatch(r"\d+s", alert["for"])
    assert int(alert["for"][:-1]) % 60 == 0
    assert re.search(r" (>|<) [\d.]+$", alert["query"]), "what it is that is too much"


def test_every_alert_that_the_documentation_mentions_exists() -> None:
    page = (INFRA.parent / "docs" / "operations.md").read_text("utf-8")
    named = set(re.findall(r"\[Alert\]\(runbook/([a-z-]+)\.md\)", page))
    assert named <= ALERTS.keys()
    assert "**Alert" not in page, "an alert that is asked for is one that exists, with its page"
    assert {"quarantined", "tick-missing", "work-lost"} <= named
