"""What an archive keeps of a study: runs with notes, mixtures, costs, the audit and the seal."""

from collections.abc import Sequence
from pathlib import Path

from rungs.data.audit.findings import copy_audit
from rungs.evidence.baselines import mixtures_of
from rungs.evidence.seal import export_seal, take_seal
from rungs.store import Store
from rungs.store.archive import export_runs, import_runs
from rungs.store.inference_costs import copy_inference
from rungs.store.mixtures import export_mixtures, import_mixtures
from rungs.store.notes import copy_notes
from rungs.store.results import RunSpec
from rungs.store.trained_on import copy_labels, keep_trained_on, trained_on
from rungs.study.plan import Plan
from rungs.study.rounds import copy_rounds


def take(archive: Path, store: Store, plan: Plan) -> None:
    """Takes an archive's runs into the store, and a broken seal and the data's audit with them."""
    study = plan.study
    if study.form is not None:
        for spec in trained_on((archive,), study.name, study.form):
            # What is trained in the store itself is what was trained last.
            keep_trained_on(store.root, study.name, study.form, spec, latest=False)
    copy_rounds(archive, store.root, plan)
    for data in dict.fromkeys((study.data, *study.splits)):
        copy_labels(archive, store.root, data)
    import_runs(store, archive)
    copy_notes(archive, store.root, {*store.keys()}, store)
    import_mixtures(store, archive)
    copy_inference(archive, store.measures)
    copy_audit(archive, store.root, plan.study.data.fingerprint)
    take_seal(store, archive, plan.study)


def keep(store: Store, archive: Path, plan: Plan, others: Sequence[RunSpec] = ()) -> None:
    """Brings an archive up to date with what is finished in a store.

    Args:
        store: where the runs are, and the test labels, with which compact predictions are made.
        archive: made if it is not there.
        plan: its runs, and what its ensembles answer, belong into the archive.
        others: runs that belong there too, such as those that claims ask for.
    """
    keys = [spec.key for spec in (*plan.runs, *others)]
    export_runs(store, keys, archive)
    copy_notes(store.root, archive, {key for key in keys if store.is_finished(key)}, store)
    export_mixtures(store, mixtures_of(plan), archive)
    copy_inference(store.measures, archive)
    copy_audit(store.root, archive, plan.study.data.fingerprint)
    copy_rounds(store.root, archive, plan)
    for data in dict.fromkeys((plan.study.data, *plan.study.splits)):
        copy_labels(store.root, archive, data)
    if plan.study.form is not None:
        keep_trained_on(archive, plan.study.name, plan.study.form, plan.study.data)
    export_seal(store, archive, plan.study)
