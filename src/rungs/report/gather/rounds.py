"""How far a plan has come with seeds that go where they decide."""

from rungs.report.figures.rounds import RoundReport, SeedRounds
from rungs.store import Store
from rungs.study.plan import Plan
from rungs.study.rounds import following, read_rounds, staged


def seed_rounds(plan: Plan, store: Store | None) -> SeedRounds | None:
    """What was decided by now; None where all rungs have one number of seeds.

    Args:
        plan: that is adaptive, or of the seeds that are finished.
        store: where its runs are; None if there is none yet.
    """
    rounds = () if store is None else read_rounds(store.root, plan)
    counts = {item.rung.name: item.seeds for item in plan.rungs}
    whole = rounds and all(counts[name] >= rounds[-1].seeds.get(name, 0) for name in counts)
    if plan.adaptive is None and not whole:
        return None
    found = []
    known: set[str] = set()
    for item in rounds:
        closed = tuple(one for one in item.decisions if one.state != "open")
        news = tuple(one for one in closed if one.rung not in known)
        known |= {one.rung for one in closed}
        found.append(
            RoundReport(item.number, item.runs, item.seconds, item.decided, news, item.of("open"))
        )
    now = staged(plan, rounds)
    runs = {spec.key for item in now.rungs for spec in item.runs}
    return SeedRounds(
        start=plan.seeds if plan.adaptive is None else plan.adaptive.start,
        most=None if plan.adaptive is None else plan.adaptive.most,
        rounds=tuple(found),
        following=None if plan.adaptive is None else following(plan.adaptive, rounds),
        to_do=sum(store is None or not store.is_finished(key) for key in runs),
        runs=sum(item.runs for item in rounds),
        seconds=sum(item.seconds for item in rounds),
    )
