"""Counters of the collector: the newest cycle of each venue, and totals for Prometheus."""

from __future__ import annotations

import json

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from analytics.lake.records import Cycle
from collector.alerts.passes import Passes
from collector.streams.feed import Feed


class Counters:
    """Counts of one running collector."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.latest: dict[str, Cycle] = {}
        """The newest cycle of each venue."""
        self.counted_s: dict[str, float] = {}
        """When that was counted, as the collector's clock counts ``monotonic_s``. [s]"""
        self._process = ProcessCollector(registry=self.registry)
        self._cycles = self._counter("cycles", "Cycles", "venue", "outcome")
        self._rows = self._counter("snapshots", "Snapshots collected", "venue")
        self._requests = self._counter("requests", "Requests sent to a venue", "venue")
        self._refused = self._counter("refused", "Values refused", "venue", "reason")
        self._skipped = self._counter("skipped", "Requests skipped for lack of time", "venue")
        self._budget = self._gauge(
            "budget_used_percent", "Use of the venue's fullest rate limit", "venue"
        )
        self._latency = self._gauge("latency_milliseconds", "Median response time", "venue")
        self._received = self._gauge("last_cycle_timestamp_seconds", "End of newest cycle", "venue")
        self.waiting = self._gauge("batches_waiting", "Batches waiting to be stored")
        self.missed = self._gauge("jobs_missed", "Job starts skipped", "job")
        self.dropped = self._gauge("batches_dropped", "Batches lost")
        self._rules = self._gauge("alert_rules", "Alert rules that run")
        self._rules_fault = self._gauge(
            "alert_rules_fault", "1 while alerts.toml is wrong and the rules before it run"
        )
        self._alerts = self._gauge("alerts", "Alerts that are pending or firing", "state")
        self._passes = self._gauge("alert_passes", "Passes over the alert rules", "outcome")
        self._pass_s = self._gauge("alert_pass_seconds", "Duration of the newest pass")
        self._passes_s = self._gauge("alert_passes_seconds", "Duration of all passes")
        self._events = self._gauge("alert_events", "Changes of alerts stored", "change")
        of = ("venue", "channel")
        self._frames = self._gauge("stream_frames", "Websocket messages received", *of)
        self._instruments = self._gauge("stream_instruments", "Instruments receiving data", *of)
        self._lost = self._gauge("stream_reconnects", "Connections lost", *of)
        self._holes = self._gauge("stream_holes_open", "Holes being filled", *of)
        self._holes_ever = self._gauge("stream_holes", "Holes since the start", "venue")
        self._bad = self._gauge("stream_rows", "Rows that were not counted", *of, "reason")

    def count(self, cycle: Cycle, at_s: float) -> None:
        """Add *cycle*, which ended just now at the monotonic *at_s*, to the totals."""
        venue = cycle.venue
        self.latest[venue] = cycle
        self.counted_s[venue] = at_s
        self._cycles.labels(venue, "failed" if cycle.error else "complete").inc()
        self._rows.labels(venue).inc(cycle.answered)
        self._requests.labels(venue).inc(cycle.requests)
        self._skipped.labels(venue).inc(cycle.skipped)
        self._received.labels(venue).set(cycle.finished_ts.timestamp())
        for reason, times in json.loads(cycle.refused_reasons or "{}").items():
            self._refused.labels(venue, reason).inc(times)
        if cycle.budget_used_pct is not None:
            self._budget.labels(venue).set(cycle.budget_used_pct)
        if cycle.latency_ms is not None:
            self._latency.labels(venue).set(cycle.latency_ms)

    def show(self, feed: Feed) -> None:
        """Copy the current status of a venue's streams."""
        venue = feed.stream.venue
        for name, status in feed.statuses().items():
            self._frames.labels(venue, name).set(feed.frames(name))
            self._instruments.labels(venue, name).set(status.instruments)
            self._lost.labels(venue, name).set(status.reconnects)
            self._holes.labels(venue, name).set(status.holes)
        self._holes_ever.labels(venue).set(feed.ledger.holes)
        for (channel, reason), times in feed.rejects.counts.items():
            self._bad.labels(venue, channel, reason).set(times)

    def show_alerts(self, alerts: Passes) -> None:
        """Copy how the alert rules stand."""
        totals, phases = alerts.totals, alerts.by_phase()
        self._rules.set(alerts.status.rules)
        self._rules_fault.set(alerts.status.fault is not None)
        for phase in ("pending", "firing"):
            self._alerts.labels(phase).set(phases[phase])
        for outcome in ("complete", "failed", "skipped"):
            self._passes.labels(outcome).set(getattr(totals, outcome))
        self._pass_s.set(alerts.status.pass_s or 0)
        self._passes_s.set(totals.seconds)
        for change, times in totals.events.items():
            self._events.labels(change).set(times)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"perpscope_{name}", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"perpscope_{name}", meaning, labels, registry=self.registry)
