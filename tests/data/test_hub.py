"""Data sets of the Hugging Face hub, from a server that speaks its protocol."""

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rungs.data.hub import chosen
from rungs.data.kinds import FORMS, kind_of
from rungs.foundation.errors import DataError
from tests.pictures import drawn, encoded
from tests.served import Answer, Served, served

NAME = "somebody/shades"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LATER = "f" * 40
TRAIN, TEST = "data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"

# What a study's data is, as a program of its own finds it: the library reads its variables once.
PROGRAM = """
import json, sys
from pathlib import Path
from rungs.data.kinds import FORMS, kind_of
from rungs.data.loading import load
from rungs.foundation.errors import DataError
form = FORMS.validate_python(json.loads(sys.argv[1]))
lines = []
try:
    found = kind_of(form).resolve(form, Path(), lines.append)
    data = load(found.spec, allow_download=False)
    print(json.dumps({
        "name": data.name, "sizes": data.sizes, "classes": data.class_names,
        "fingerprint": data.fingerprint, "notes": found.survey.notes, "said": lines,
    }))
except DataError as error:
    print(json.dumps({"refused": str(error), "said": lines}))
"""


# --- which files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "subset", "folder", "files"),
    [
        (["README.md", TRAIN, TEST], None, "data", {TRAIN, TEST}),
        (["train.parquet", "x/test.parquet"], None, "", {"train.parquet"}),
        (["train/0.parquet", "test/0.parquet"], None, "", {"train/0.parquet", "test/0.parquet"}),
        (["default/train/0000.parquet"], None, "default", {"default/train/0000.parquet"}),
        (["a/train-0.parquet", "b/train-0.parquet"], "b", "b", {"b/train-0.parquet"}),
        (["a/train/0.parquet", "b/test/0.parquet"], "a", "a", {"a/train/0.parquet"}),
    ],
)
def test_the_files_of_a_set_are_seen_from_their_places(
    paths: list[str], subset: str | None, folder: str, files: set[str]
) -> None:
    assert chosen(paths, NAME, subset) == (folder, frozenset(files))


@pytest.mark.parametrize(
    ("paths", "subset", "message"),
    [
        (["a/0.parquet", "b/0.parquet"], None, "which of its sets is meant.* 'a', 'b'"),
        (["a/0.parquet"], "c", "no subset 'c' in parquet files; there are 'a'"),
        (["cats/1.jpg"], None, 'no parquet files .* revision = "refs/convert/parquet"'),
        (["../x.parquet", "a/b/c/d.parquet"], None, "no parquet files"),
    ],
)
def test_files_that_could_be_others_are_refused(
    paths: list[str], subset: str | None, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        chosen(paths, NAME, subset)


@pytest.mark.parametrize("name", ["a b", "../x", "a/b/c", "/x", "a/..", "http://x/y"])
def test_a_name_that_no_set_has_is_a_mistake(name: str) -> None:
    form = FORMS.validate_python({"kind": "hub", "name": name, "size": 8})
    (mistake,) = kind_of(form).mistakes(form)
    assert "data.name: expected a name such as 'ylecun/mnist'" in str(mistake)
    good = FORMS.validate_python({"kind": "hub", "name": "mnist", "size": 8})
    assert kind_of(good).mistakes(good) == []


# --- fetched -------------------------------------------------------------------------------------


def parquet(first: int, count: int) -> bytes:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    images = [{"bytes": encoded(drawn(first + n)), "path": f"{n}.png"} for n in range(count)]
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    table = pa.table({"image": images, "label": [n % 2 for n in range(count)]})
    about = json.dumps({"info": {"features": features}})
    out = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"huggingface": about}), out)
    return out.getvalue()


def revision(commit: str, files: dict[str, bytes], *, large: bool = True) -> dict[str, Answer]:
    """What the hub answers about a commit, by its own name and as the branch main."""
    siblings = [
        {
            "rfilename": path,
            "size": len(content),
            "blobId": git_sha1(content),
            **(
                {"lfs": {"sha256": sha256(content), "size": len(content), "pointerSize": 130}}
                if large
                else {}
            ),
        }
        for path, content in files.items()
    ]
    about = {"id": NAME, "sha": commit, "siblings": siblings, "private": False, "tags": []}
    answer = Answer(json.dumps(about).encode(), headers={"Content-Type": "application/json"})
    found = {**asked(NAME, commit, answer), **asked(NAME, "main", answer)}
    for path, content in files.items():
        headers = {"ETag": f'"{sha256(content)}"', "X-Repo-Commit": commit}
        found[f"/datasets/{NAME}/resolve/{commit}/{path}"] = Answer(content, headers=headers)
    return found


def asked(name: str, revision: str, answer: Answer) -> dict[str, Answer]:
    """The answer to what is asked about a revision, as several versions of the library ask."""
    path = f"/api/datasets/{name}/revision/{revision}?blobs="
    return {f"{path}true": answer, f"{path}True": answer}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {"README.md": b"# Shades", TRAIN: parquet(0, 40), TEST: parquet(100, 10)}


@pytest.fixture
def hub(files: dict[str, bytes]) -> Iterator[Served]:
    pytest.importorskip("huggingface_hub", reason="needs the extra hub")
    with served(revision(COMMIT, files)) as server:
        yield server


def read(hub: Served, home: Path, *, offline: bool = False, **keys: Any) -> dict[str, Any]:
    form = {"kind": "hub", "name": NAME, "size": 8, **keys}
    variables = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1" if offline else "0",
        "XDG_CACHE_HOME": str(home / "cache"),
    }
    command = [sys.executable, "-c", PROGRAM, json.dumps(form)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_set_is_fetched_once_and_holds_when_its_branch_moves(
    hub: Served, files: dict[str, bytes], tmp_path: Path
) -> None:
    first = read(hub, tmp_path)
    assert first["name"] == f"{NAME}@{COMMIT[:12]}"
    assert first["classes"] == ["cat", "dog"]
    assert first["sizes"]["test"] == 10
    assert sum(first["sizes"].values()) == 50
    assert f"revision main is commit {COMMIT}" in first["notes"]
    assert any(line.startswith(f"fetching {TRAIN} of {NAME}") for line in first["said"])
    assert not any("README" in path for _, path in hub.asked)
    hub.asked.clear()
    hub.answers.update(revision(LATER, {**files, TEST: parquet(200, 10)}))
    again = read(hub, tmp_path)
    assert hub.asked == []
    assert (again["fingerprint"], again["name"]) == (first["fingerprint"], first["name"])
    assert read(hub, tmp_path, offline=True)["fingerprint"] == first["fingerprint"]
    # By its commit the later one is another.
    later = read(hub, tmp_path, revision=LATER)
    assert later["name"] == f"{NAME}@{LATER[:12]}"
    assert later["fingerprint"] != first["fingerprint"]


def test_a_set_that_another_program_fetched_is_used_offline(hub: Served, tmp_path: Path) -> None:
    online = read(hub, tmp_path)
    for record in (tmp_path / "cache" / "rungs" / "hub").iterdir():
        record.unlink()
    hub.asked.clear()
    offline = read(hub, tmp_path, offline=True, revision=COMMIT)
    assert offline["fingerprint"] == online["fingerprint"]
    assert hub.asked == []
    refused = read(hub, tmp_path / "elsewhere", offline=True)["refused"]
    assert refused.startswith(f"{NAME}: cannot be fetched: ")
    assert "\n" not in refused


def test_folders_of_parts_say_the_part_as_in_what_the_hub_makes_itself(
    hub: Served, files: dict[str, bytes], tmp_path: Path
) -> None:
    made = {"default/train/0000.parquet": files[TRAIN], "default/test/0000.parquet": files[TEST]}
    hub.answers.update(revision(COMMIT, made))
    sizes = read(hub, tmp_path)["sizes"]
    assert (sizes["test"], sum(sizes.values())) == (10, 50)


@pytest.mark.parametrize("large", [True, False])
def test_a_file_that_is_damaged_on_its_way_is_refused_and_fetched_again(
    large: bool, hub: Served, files: dict[str, bytes], tmp_path: Path
) -> None:
    hub.answers.update(revision(COMMIT, files, large=large))
    path = f"/datasets/{NAME}/resolve/{COMMIT}/{TRAIN}"
    whole = hub.answers[path]
    content = bytearray(whole.content)
    content[len(content) // 2] ^= 1
    hub.answers[path] = replace(whole, content=bytes(content))
    refused = read(hub, tmp_path)["refused"]
    assert "damaged on its way, and removed: its checksum is" in refused
    hub.answers[path] = whole
    assert sum(read(hub, tmp_path)["sizes"].values()) == 50


def test_what_is_not_there_is_told_in_a_sentence(hub: Served, tmp_path: Path) -> None:
    no_revision = Answer(b"{}", 404, {"X-Error-Code": "RevisionNotFound"})
    no_set = Answer(b"{}", 401, {"X-Error-Code": "RepoNotFound"})
    hub.answers.update({**asked(NAME, "v9", no_revision), **asked("some/other", "main", no_set)})
    assert read(hub, tmp_path, revision="v9")["refused"] == f"{NAME}: no revision 'v9'"
    refused = read(hub, tmp_path, name="some/other")["refused"]
    assert refused.startswith("some/other: the hub has no such data set")


def test_without_the_library_it_is_said_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rungs.foundation import extras

    monkeypatch.setitem(extras.EXTRAS, "hub", ("hub_of_nobody",))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    form = FORMS.validate_python({"kind": "hub", "name": NAME, "size": 8})
    with pytest.raises(DataError, match=r"needs hub_of_nobody.*rungs-study\[hub\]"):
        kind_of(form).resolve(form, tmp_path, lambda _: None)
