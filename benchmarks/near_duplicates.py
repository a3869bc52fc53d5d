"""Near-duplicates that are planted into real pictures: how many are found, kind by kind.

Pictures of CIFAR-100 are changed as people and sites change them (`copies.py`), and the copies put
among the pictures. What is found is counted by kind of change. Sources of ``--set judging`` are
pictures of odd index, those of ``--set tuning`` even ones, with other seeds: what is chosen is
chosen on the latter. CIFAR-100 has duplicates of its own, so pairs found that were not planted are
no mistakes as such: those that ``LOOKED_AT`` names were looked at, and their share that are the
same picture counts. The data must be at hand (``RUNGS_DATA``). Run as
``python benchmarks/near_duplicates.py``.
"""

import json
import resource
import time
from pathlib import Path

import copies
import numpy as np
import timing
import torch

from rungs.data.audit.duplicates import find_duplicates
from rungs.data.audit.findings import Duplicate
from rungs.data.images import ImageSet
from rungs.data.loading import load
from rungs.study import load as load_study

SEEDS = {"tuning": 1, "judging": 2}
EACH, OF_TWO = 100, 300  # copies of every kind, and of two changes at once
COLUMNS = ("change", "planted", "found", "recall %")
# Index of the picture and of the other, in the order train, validation, test -> same picture?
LOOKED_AT = Path(__file__).parent / "looked_at.json"


def originals(images: int) -> ImageSet:
    """So many pictures of CIFAR-100, evenly from all of it; their indices are the labels."""
    data = load(load_study("cifar100").data, allow_download=False)
    sets = (data.exploration.train, data.exploration.validation, data.test)
    pixels = torch.cat([part.pixels[:] for part in sets])
    chosen = torch.arange(len(pixels))
    if images < len(pixels):
        generator = torch.Generator().manual_seed(0)
        chosen = torch.randperm(len(pixels), generator=generator)[:images].sort().values
    return ImageSet(pixels[chosen], chosen)


def planted(pictures: ImageSet, which: str, each: int, of_two: int) -> tuple[ImageSet, list[str]]:
    """Changed copies, labelled with the position of their source, and by which change."""
    rng = np.random.default_rng(SEEDS[which])
    parity = int(which == "judging")
    sources = (pictures.labels % 2 == parity).nonzero()[:, 0].numpy()
    kinds = [kind for kind in copies.CHANGES for _ in range(each)] + [copies.TWO] * of_two
    chosen = rng.choice(sources, len(kinds), replace=False)
    made = [
        copies.changed(picture.transpose(1, 2, 0), kind, rng)
        for picture, kind in zip(pictures.pixels[:][chosen].numpy(), kinds, strict=True)
    ]
    pixels = torch.from_numpy(np.stack(made).transpose(0, 3, 1, 2).copy())
    return ImageSet(pixels, torch.from_numpy(chosen)), kinds


def judged(found: list[Duplicate], pictures: ImageSet) -> tuple[int, int]:
    """Of the pairs that were not planted: how many were looked at, and show the same picture."""
    verdicts = json.loads(LOOKED_AT.read_text(encoding="utf-8")) if LOOKED_AT.exists() else []
    known = {(a, b): same for a, b, same in verdicts}
    pairs = [
        (int(pictures.labels[pair.a.index]), int(pictures.labels[pair.b.index])) for pair in found
    ]
    looked = [known[pair] for pair in pairs if pair in known]
    return len(looked), sum(looked)


def main() -> None:
    """Plants, searches and counts."""
    parser = timing.options(__doc__)
    parser.add_argument("--set", choices=tuple(SEEDS), default="judging")
    parser.add_argument("--images", type=int, default=60_000, help="pictures that copies join")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=Path, help="file for the pairs that were not planted")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    each, of_two = (4, 10) if options.quick else (EACH, OF_TWO)
    pictures = originals(1000 if options.quick else options.images)
    added, kinds = planted(pictures, options.set, each, of_two)
    began, worked = time.perf_counter(), time.process_time()
    result = find_duplicates({"train": pictures, "test": added})
    seconds, work = time.perf_counter() - began, time.process_time() - worked
    of_copies = {
        (pair.a.index, pair.b.index)
        for pair in result.duplicates
        if (pair.a.split, pair.b.split) == ("train", "test")
    }
    rest = [pair for pair in result.duplicates if pair.b.split == "train"]
    sources = added.labels.tolist()
    hits = [(source, copy) in of_copies for copy, source in enumerate(sources)]
    rows = []
    for kind in (*copies.CHANGES, copies.TWO, "all"):
        these = [hit for hit, of in zip(hits, kinds, strict=True) if kind in (of, "all")]
        values = (kind, len(these), sum(these), 100 * sum(these) / len(these))
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    looked, same = judged(rest, pictures)
    # Of every kind of copies, and of what the set has of its own, as far as that was looked at.
    facts = {
        "pictures": len(pictures) + len(added),
        "seconds": seconds,
        "CPU seconds": work,
        "threads": options.threads,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "pairs with a copy that are not its source": len(of_copies) - sum(hits),
        "pairs of the set's own pictures": len(rest),
        "of these looked at": looked,
        "of these the same picture, %": 100 * same / looked if looked else None,
        "threshold, upright and mirrored": f"{result.upright_search.threshold:.3f} and "
        f"{result.mirrored_search.threshold:.3f}",
    }
    if options.pairs:
        own = [[int(pictures.labels[place.index]) for place in (pair.a, pair.b)] for pair in rest]
        options.pairs.write_text(json.dumps(own), encoding="utf-8")
    command = (
        f"python benchmarks/near_duplicates.py --set {options.set} --images {options.images} "
        f"--threads {options.threads}"
    )
    timing.write("near_duplicates", command, COLUMNS, rows, facts=facts, quick=options.quick)


if __name__ == "__main__":
    main()
