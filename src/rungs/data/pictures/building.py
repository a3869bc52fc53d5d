"""All pictures of a source, read and decoded once and kept in the cache."""

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from rungs.data.pictures import cache, looks
from rungs.data.pictures.decoding import DECODING_VERSION, Form, Sight, careful, examine
from rungs.data.pictures.sifting import (
    Read,
    Refused,
    Used,
    check_classes,
    content_digest,
    parts_of,
    sift,
)
from rungs.data.pictures.sights import Sights
from rungs.data.pictures.source import Candidate, LeftOut, Source, in_order
from rungs.data.pictures.splitting import Member
from rungs.data.pictures_spec import FolderSpec
from rungs.foundation.environment import available_cores
from rungs.foundation.errors import DataError
from rungs.foundation.wording import counted

T = TypeVar("T")
R = TypeVar("R")

_MOST_THREADS = 8
_USUAL_BITS = FolderSpec.model_fields["bits"].default
_USUAL_GROUND = FolderSpec.model_fields["ground"].default
_PROGRESS_SECONDS = 2.0


@dataclass(frozen=True)
class _Decoded:
    """A picture's digests (32 hex digits each), pixels, and what was seen on the way to them."""

    file_digest: str
    pixel_digest: str
    pixels: bytes
    sight: Sight


def build(
    source: Source, spec: FolderSpec, place: Path, pictures: Path, say: Callable[[str], None]
) -> looks.Look:
    """Reads all pictures of a source into the cache.

    Memory is taken for a few pictures at a time, however many there are.

    Args:
        source: what was found at the place.
        spec: how pictures are brought to one form, and which classes are left out.
        place: where the source is.
        pictures: the cache's folder of pictures.
        say: receives lines for the user.

    Raises:
        DataError: classes with too few pictures, or a cache that cannot be written.
    """
    form = Form(spec.size, spec.channels, spec.fit, spec.bits, spec.ground)
    labels = [label for label in source.labels if label not in spec.leave_out]
    class_names = in_order(labels, spec.class_order)
    with cache.pixel_writer(pictures, looks.name_of(place, spec.model_dump(mode="json"))) as writer:
        sights = Sights()
        reads, unread = _read(source, class_names, form, writer, sights, say)
        used, unused = sift(reads)
        refused = [*unread, *unused]
        check_classes(used, refused, class_names, str(place))
        content = content_digest(used, _settings(form, class_names))
        index = cache.Index(
            shape=(writer.rows, form.channels, form.size, form.size),
            pixels_sha256=writer.sha256,
            class_names=class_names,
            members=_members(used, class_names),
            rows=tuple(read.row for read, _ in used),
            place=str(place),
            spec=spec,
        )
        writer.publish(content, index)
    return looks.Look(
        signature=source.signature,
        kind=source.kind,
        content=content,
        parts=tuple(sorted(parts_of(used))),
        pictures=dict(sorted(Counter(read.label for read, _ in used).items())),
        names=tuple(read.name for read, _ in used),
        refused=tuple(one.left_out for one in refused),
        notes=sights.notes(spec.bits),
        largest=sights.largest,
    )


def _settings(form: Form, class_names: tuple[str, ...]) -> list[object]:
    """What pixels and the numbers of classes depend on beside the files.

    What is as it always was before it could be chosen is not in it: fingerprints stay.
    """
    in_text_order = list(class_names) == sorted(class_names)
    return [
        *(DECODING_VERSION, form.size, form.channels, form.fit),
        *([] if in_text_order else [["classes", *class_names]]),
        *([] if form.bits == _USUAL_BITS else [["bits", form.bits]]),
        *([] if form.ground == _USUAL_GROUND else [["ground", form.ground]]),
    ]


def _members(used: list[Used], class_names: tuple[str, ...]) -> tuple[Member, ...]:
    numbers = {label: number for number, label in enumerate(class_names)}
    return tuple(Member(numbers[read.label], read.part, group) for read, group in used)


def _read(
    source: Source,
    class_names: tuple[str, ...],
    form: Form,
    writer: cache.PixelWriter,
    sights: Sights,
    say: Callable[[str], None],
) -> tuple[list[Read], list[Refused]]:
    """Writes the pixels of all pictures of these classes; what could be read, and what not."""
    reads: list[Read] = []
    refused: list[Refused] = []
    total = sum(source.labels[label] for label in class_names)
    wanted = frozenset(class_names)
    said = time.monotonic()
    say(f"reading {counted(total, 'picture')}")
    candidates = (one for one in source.candidates() if one.label in wanted)
    with careful(), closing(_in_order(partial(_decode, form=form), candidates)) as decoded:
        for number, (candidate, result) in enumerate(decoded, start=1):
            if isinstance(result, DataError):
                left_out = LeftOut(candidate.name, str(result))
                refused.append(Refused(candidate.label, left_out))
            else:
                row = writer.add(result.pixels)
                facts = (candidate.name, candidate.label, candidate.part, row)
                digests = (result.file_digest, result.pixel_digest)
                empty = result.sight.cause if result.sight.one_colour else None
                reads.append(Read(*facts, *digests, empty))
                sights.add(candidate.name, result.sight)
            if time.monotonic() - said >= _PROGRESS_SECONDS:
                said = time.monotonic()
                say(f"reading pictures: {number:,} of {total:,}")
    return reads, refused


def _decode(candidate: Candidate, form: Form) -> _Decoded | DataError:
    try:
        data = candidate.read()
        found, sight = examine(data, form)
    except DataError as error:
        return error
    pixels = found.tobytes()
    file_digest, pixel_digest = (hashlib.sha256(one).hexdigest()[:32] for one in (data, pixels))
    return _Decoded(file_digest, pixel_digest, pixels, sight)


def _in_order(work: Callable[[T], R], items: Iterable[T]) -> Generator[tuple[T, R]]:
    """Every item with what the work makes of it, done by threads a few items ahead."""
    threads = min(available_cores(), _MOST_THREADS)
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[tuple[T, Future[R]]] = deque()
        for item in items:
            ahead.append((item, pool.submit(work, item)))
            if len(ahead) > 4 * threads:
                item, future = ahead.popleft()
                yield item, future.result()
        for item, future in ahead:
            yield item, future.result()
