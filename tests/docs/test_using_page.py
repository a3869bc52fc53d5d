"""The page about using a model does what it says, and its ONNX model runs without torch."""

import contextlib
import io
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.data.loading import load as load_data
from rungs.foundation.extras import missing
from rungs.models.model import load_model
from rungs.store import Store
from rungs.study import load

from .test_tutorial import blocks, shows

PAGE = Path(__file__).parents[2] / "docs" / "using-a-model.md"

pytestmark = pytest.mark.skipif(
    bool(missing("onnx")),
    reason="the extra 'onnx' is not installed: pip install 'rungs-study[onnx]'",
)


def elsewhere(code: str, folder: Path) -> str:
    """What a process prints that has neither torch nor Rungs."""
    barred = "import sys; sys.modules['torch'] = sys.modules['rungs'] = None\n"
    ran = subprocess.run(
        [sys.executable, "-c", barred + code], cwd=folder, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def command(line: str) -> str:
    """What a command of ours prints; ``< FILE`` and ``> FILE`` are done as a shell does them."""
    words = shlex.split(line, comments=True)[1:]
    piped = None
    if "<" in words:
        words, (source,) = words[: words.index("<")], words[words.index("<") + 1 :]
        piped = Path(source).read_bytes()
    target = None
    if ">" in words:
        words, (target,) = words[: words.index(">")], words[words.index(">") + 1 :]
    done = CliRunner().invoke(app, words, input=piped, catch_exceptions=False)
    assert done.exit_code == 0, f"{line}\n{done.output}"
    if target is not None:
        Path(target).write_text(done.stdout, encoding="utf-8")
    return done.stdout


def python(code: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, str(PAGE), "exec"), {"__name__": "__main__"})
    return out.getvalue()


@pytest.mark.timeout(900)  # exporting takes its time where other tests run beside it
def test_the_page_does_what_it_says(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "160")
    output = ""
    for _, language, content in blocks(PAGE.name):
        match language:
            case "sh":
                output = "".join(command(line) for line in content.splitlines())
            case "python":
                output = (
                    python(content) if "import rungs" in content else elsewhere(content, folder)
                )
            case "toml":
                assert content.strip() == (folder / "first.toml").read_text("utf-8").strip()
            case "text":
                lacking = shows(output, content)
                assert lacking is None, f"not shown: {lacking}\n{output}"
            case _:
                pytest.fail(f"a block of {language}, which nobody runs")
    answers = (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(answers) == 3
    assert (folder / "report" / "report.html").exists()
    check_onnx(folder)


BATCHES = """
import json
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("first-pair.onnx")
metadata = session.get_modelmeta().custom_metadata_map
pixels = np.load("pixels.npy")
for n in (1, 2, len(pixels)):
    np.save(f"answers-{n}.npy", session.run(["probabilities"], {"pixels": pixels[:n]})[0])
print(json.dumps({
    "classes": json.loads(metadata["class_names"]),
    "recipe": json.loads(metadata["recipe"]),
    "batch": session.get_inputs()[0].shape[0],
}))
"""


def check_onnx(folder: Path) -> None:
    """An ensemble as one ONNX model gives the original's answers for batches of any size."""
    model = load_model("first.toml:pair", Store(folder / "runs"), device="cpu")
    pixels = load_data(load("first.toml").data).test.pixels
    np.save(folder / "pixels.npy", pixels.numpy())
    said = json.loads(elsewhere(BATCHES, folder))
    assert said["batch"] == "batch"
    assert said["classes"] == list(model.card.class_names)
    assert said["recipe"]["network"]["widths"] == [4, 8]
    for n in (1, 2, len(pixels)):
        answers = np.load(folder / f"answers-{n}.npy")
        np.testing.assert_allclose(answers, model.probabilities(pixels[:n]), atol=1e-5)
    # Nothing of this machine is told.
    assert b"network.py" not in (folder / "first-pair.onnx").read_bytes()
