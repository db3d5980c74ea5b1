"""The stage's public functions: judge a training's model, settle what was judged, or both."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from mlfactory.lake import catalog, ledger
from mlfactory.lake.catalog import FEATURES, LABELS
from mlfactory.lake.manifests import manifest
from mlfactory.lake.requests import REQUEST
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product
from mlfactory.promote.beside import Beside, beside, challengers_answers
from mlfactory.promote.evidence import Evidence, GateResult, Terms
from mlfactory.promote.gates import counted, judged
from mlfactory.promote.judging import Trained, gather, read_trained, register_version
from mlfactory.promote.page import gates_markdown, gates_page, gates_tags, reason
from mlfactory.promote.reference import champion_beside
from mlfactory.promote.settling import move_aliases, standing_decision
from mlfactory.promote.terms import HOLDOUT, terms_of
from mlfactory.registry import runs, versions
from mlfactory.trainings.files import JUDGEMENT, load_judgement, save_judgement
from mlfactory.trainings.records import Judgement


@dataclass(frozen=True)
class JudgeResult:
    """The version that was registered, and the gates it failed."""

    version: str
    passed: bool
    failed: tuple[str, ...]


@dataclass(frozen=True)
class SettleResult:
    """What was decided about a version, and why."""

    promoted: bool
    version: str
    reason: str


def run(product: Product, training_id: str) -> SettleResult:
    """Judge a training's model and carry out what the gates say."""
    judge(product, training_id)
    return settle_anew(product, training_id)


def settle_anew(product: Product, training_id: str) -> SettleResult:
    """Settle what was judged, and where another decision came between, judge it again once.

    Raises:
        Overtaken: it happened again.
    """
    try:
        return settle(product, training_id)
    except ledger.Overtaken:
        judge(product, training_id)
        return settle(product, training_id)


def judge(product: Product, training_id: str) -> JudgeResult:
    """Register a training's model and put it through the gates.

    The table of gates is kept with the training, its MLflow run and the version.

    Raises:
        UsageError: the training was not fitted.
        ServiceError: MLflow does not answer.
    """
    trained = read_trained(product, training_id)
    with manifest(product, "judge", trained.pinned.partition, training_id) as record:
        version = register_version(product, trained)
        # read first: what is decided while the gates are asked is then seen to have come between
        follows = ledger.newest_decision(product.name)
        champion = champion_beside(product, version)
        evidence = gather(product, trained, version, champion)
        terms = terms_of(product, trained.pinned)
        results = judged(product.spec.gates, evidence, terms)
        table = replace(_table(trained, version, champion, evidence, results), follows=follows)
        if table.challenger:
            found = _trial(product, trained, version, evidence, terms)
            table = replace(table, challenger=found.takes_its_place, beside=found.why)
        _publish(product, trained, table, results)
        save_judgement(product.name, table)
        failed = tuple(result.name for result in results if not result.passed)
        record.inputs = {
            FEATURES: trained.pinned.features_version,
            LABELS: trained.pinned.labels_version,
        }
        record.counts = {"held_out": evidence.candidate.rows, "gates": len(results)}
        record.facts = {"version": version, "passed": not failed, "failed": list(failed)}
    return JudgeResult(version, not failed, failed)


def settle(product: Product, training_id: str) -> SettleResult:
    """Write what the gates decided into the ledger, then move the aliases.

    Run again, it decides nothing new: the aliases follow the ledger as it is then.

    Raises:
        UsageError: the training was not judged.
        Overtaken: another decision was made since the gates were asked; to judge again helps.
        ServiceError: MLflow does not answer.
    """
    trained = read_trained(product, training_id)
    table = load_judgement(product.name, training_id)
    version = table.version
    with manifest(product, "settle", trained.pinned.partition, training_id) as record:
        decision = standing_decision(product.name, training_id, version)
        if decision is None or (decision.event == "promoted") != table.passed:
            record.refuse_removed()
            decision = ledger.record(product.name, _decision(product, trained, table))
        aliases = move_aliases(product.name)
        record.facts = {"decision": decision.event, "version": version, "aliases": asdict(aliases)}
    return SettleResult(decision.event == "promoted", version, decision.why)


def _table(
    trained: Trained,
    version: str,
    champion: ledger.Entry | None,
    evidence: Evidence,
    results: tuple[GateResult, ...],
) -> Judgement:
    failed = [result for result in results if not result.passed]
    return Judgement(
        training_id=trained.pinned.training_id,
        version=version,
        passed=not failed,
        # only not being better lets a candidate be tried beside the champion
        challenger=bool(failed) and all(result.compared for result in failed),
        champion=str(champion.details["version"]) if champion else None,
        reference=evidence.reference_name,
        why=reason(not failed, results),
        latency_ms=asdict(evidence.latency) if evidence.latency else None,
        gates=tuple(asdict(result) for result in results),
        held_out_rows=evidence.candidate.rows,
    )


def _publish(
    product: Product, trained: Trained, table: Judgement, results: tuple[GateResult, ...]
) -> None:
    """Show the table of gates with the run and the version in MLflow."""
    run_id, version = trained.fitted.run_id, table.version
    title = f"{product.spec.title or product.name}: version {version}"
    facts = {
        "training": trained.pinned.training_id,
        "candidate": trained.fitted.candidate,
        "reason": trained.pinned.reason,
        "held out": ", ".join(trained.pinned.holdout_partitions),
        "compared with": table.reference,
    }
    page = gates_page(title, table.passed, facts, results)
    runs.log_text(run_id, page, "gates.html")
    product_store(product.name).write(catalog.gates_page(trained.pinned.training_id), page.encode())
    runs.log_text(run_id, json.dumps(asdict(table), indent=2, sort_keys=True), JUDGEMENT)
    figures = {f"gate.{gate.name}": gate.figure for gate in results if gate.figure is not None}
    runs.log_metrics(run_id, figures)
    runs.set_tags(run_id, {"mlfactory.version": version, "mlfactory.gates_passed": table.passed})
    versions.describe(product.name, version, gates_markdown(results))
    versions.set_version_tags(product.name, version, gates_tags(results))


def _trial(
    product: Product, trained: Trained, version: str, evidence: Evidence, terms: Terms
) -> Beside:
    """Tell whether the candidate takes the place of the challenger that is tried now."""
    tried = ledger.standing(ledger.entries(product.name, *ledger.DECISIONS)).challenger
    if tried is not None and tried.version == version:
        tried = None
    said = None
    if tried is not None:
        said = challengers_answers(product, trained.pinned, tried, evidence.candidate)
    return beside(tried, said, evidence.candidate, counted(product.spec.gates, terms))


def _decision(product: Product, trained: Trained, table: Judgement) -> ledger.Entry:
    version = table.version
    return ledger.Entry(
        event="promoted" if table.passed else "rejected",
        partition=trained.pinned.partition,
        subject=trained.pinned.training_id,
        why=table.why,
        follows=table.follows,
        details={
            "version": version,
            "digest": trained.fitted.digest,
            "run_id": trained.fitted.run_id,
            REQUEST: trained.pinned.request,
            "seen_through": trained.pinned.seen_through,
            HOLDOUT: list(trained.pinned.holdout_partitions),
            "champion": table.champion,
            "challenger": table.challenger,
            "beside": table.beside,
            "held_out_rows": table.held_out_rows,
            "gates": list(table.gates),
        },
    )
