"""Where a network looked: class activation maps of its last convolution, and pictures of them.

Grad-CAM (Selvaraju et al., ICCV 2017), by captum: the channels of a map, each weighed by the mean
gradient of a class's logit, added up; what speaks against the class is left out. A map says which
places of a picture moved the answer, not why, and nothing of whether the answer is right.
"""

import base64
import html
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

from rungs.data.scaling import scale
from rungs.foundation.errors import RecipeError
from rungs.foundation.extras import require
from rungs.foundation.files import write_atomically, write_text
from rungs.models.answers import Answer
from rungs.models.model import Model
from rungs.network.outputs import evaluation_batches, unrounded
from rungs.statistics.predictions import FloatArray, IntArray

# Of a picture that is written, in pixels: small images are magnified to it.
_SIDE = 256
# How much of the colour of a place that moved the answer most is the heat's.
_STRONGEST = 0.65
_COLOURS = "inferno"


def heatmaps(
    model: Model, pixels: torch.Tensor | npt.NDArray[np.uint8], classes: IntArray
) -> FloatArray:
    """Where a model looked for a class on each picture.

    Args:
        model: of several networks together the mean of their maps is taken.
        pixels: uint8 [N, C, H, W], as the model sees them.
        classes: index of the class that is asked about for each, [N].

    Returns:
        float32 [N, H, W], 1 where the answer was moved most, 0 where not at all; all 0 of a picture
        on which nothing speaks for the class.

    Raises:
        RungsError: captum is not installed, or a network has no map whose places are those of the
            picture.
    """
    given = torch.as_tensor(pixels)
    maps = [heatmaps_of(net, given, classes, model.device) for net in model.classifier.members]
    together: FloatArray = np.mean(maps, axis=0, dtype=np.float32)
    return together


def heatmaps_of(
    network: nn.Module, pixels: torch.Tensor, classes: IntArray, device: str = "cpu"
) -> FloatArray:
    """The same of one network, float32 [N, C, H, W] -> [N, classes], in evaluation mode."""
    require("explain", "showing where a network looked")
    from captum.attr import LayerAttribution, LayerGradCam

    wanted = torch.as_tensor(classes, dtype=torch.int64)
    parts: list[torch.Tensor] = []
    start = 0
    with unrounded(), _differentiable(network):
        layer = last_map(network, scale(pixels[:1]).to(device)) if len(pixels) else None
        for part in evaluation_batches(pixels):
            asked = wanted[start : start + len(part)].to(device)
            start += len(part)
            found = LayerGradCam(network, layer).attribute(
                scale(part).to(device), target=asked, relu_attributions=True
            )
            size = (part.shape[2], part.shape[3])
            whole = LayerAttribution.interpolate(found, size, interpolate_mode="bilinear")
            parts.append(whole.detach()[:, 0].float().cpu())
    if not parts:
        return np.empty((0, *pixels.shape[2:]), dtype=np.float32)
    maps = torch.cat(parts)
    highest = maps.amax(dim=(1, 2), keepdim=True)
    heat: FloatArray = torch.where(highest > 0, maps / highest.clamp_min(1e-30), 0.0).numpy()
    return heat


@contextmanager
def _differentiable(network: nn.Module) -> Iterator[None]:
    """While it lasts, gradients reach every map, also of a network whose weights are frozen."""
    kept = [(weight, weight.requires_grad) for weight in network.parameters()]
    for weight, _ in kept:
        weight.requires_grad_(True)
    try:
        with torch.enable_grad():
            yield
    finally:
        for weight, before in kept:
            weight.requires_grad_(before)


def last_map(network: nn.Module, images: torch.Tensor) -> nn.Module:
    """The last convolution whose output has places, in the order in which an image passes.

    Where no convolution is, the last module of any kind that puts out such a map.

    Args:
        network: whatever it is made of.
        images: float32 [N, C, H, W].

    Raises:
        RecipeError: there is none, as in a network that takes all pixels at once.
    """
    passed: list[nn.Module] = []

    def note(module: nn.Module, _: object, output: object) -> None:
        # Of one place alone nothing can be said of places.
        if isinstance(output, torch.Tensor) and output.dim() == 4 and output[0, 0].numel() > 1:
            passed.append(module)

    handles = [module.register_forward_hook(note) for module in network.modules()]
    try:
        with torch.no_grad():
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    convolutions: list[nn.Module] = [one for one in passed if isinstance(one, nn.Conv2d)]
    found = (convolutions or [one for one in passed if one is not network])[-1:]
    if not found:
        raise RecipeError(
            f"{type(network).__name__}: expected a network with a map of places, [N, C, H, W], as "
            "convolutions put out, found none: where it looked cannot be told"
        )
    return found[0]


def overlaid(pixels: npt.NDArray[np.uint8], heat: FloatArray, side: int = _SIDE) -> Image.Image:
    """A picture with the heat on it, magnified where it is small.

    Args:
        pixels: uint8 [C, H, W] with 1 or 3 channels.
        heat: [H, W], from 0 to 1.
        side: that it is brought near to, in pixels.
    """
    import matplotlib

    colours = matplotlib.colormaps[_COLOURS](heat)[..., :3]
    plain = np.broadcast_to(pixels.transpose(1, 2, 0), (*heat.shape, 3)) / 255
    share = _STRONGEST * heat[..., None]
    both = np.rint(255 * ((1 - share) * plain + share * colours)).astype(np.uint8)
    return _magnified(Image.fromarray(both), side)


def _magnified(image: Image.Image, side: int = _SIDE) -> Image.Image:
    times = max(1, side // max(image.size))
    return image.resize((times * image.width, times * image.height), Image.Resampling.NEAREST)


@dataclass(frozen=True, eq=False)
class Explained:
    """A picture as a model saw it, and where it looked for its first answer.

    Attributes:
        answer: what it said.
        seen: uint8 [C, H, W].
        heat: float32 [H, W].
    """

    answer: Answer
    seen: npt.NDArray[np.uint8]
    heat: FloatArray


def write_explained(folder: Path, found: Sequence[Explained], title: str) -> Path:
    """Writes a PNG for each picture, and a page that shows them beside the pictures.

    Args:
        folder: that is made; files of the same names are replaced.
        found: what is shown.
        title: of the page.

    Returns:
        The page, which needs no other file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, one in enumerate(found, start=1):
        name = re.sub(r"[^\w.-]", "_", Path(one.answer.picture).stem)[:80]
        drawn = _png(overlaid(one.seen, one.heat))
        write_atomically(folder / f"{number:04}-{name}.png", partial(_write, drawn))
        plain = _magnified(
            Image.fromarray(one.seen[0] if len(one.seen) == 1 else one.seen.transpose(1, 2, 0))
        )
        said = ", ".join(f"{label} {100 * share:.1f} %" for label, share in one.answer.top)
        rows.append(
            f"<figure>{_shown(_png(plain), 'as the model sees it')}"
            f"{_shown(drawn, 'where it looked')}<figcaption>{html.escape(one.answer.picture)}<br>"
            f"{html.escape(said)}</figcaption></figure>"
        )
    page = folder / "index.html"
    write_text(page, _PAGE.format(title=html.escape(title), rows="\n".join(rows)))
    return page


def _write(png: bytes, file: IO[bytes]) -> None:
    file.write(png)


def _png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, format="png", optimize=True)
    return out.getvalue()


def _shown(png: bytes, what: str) -> str:
    data = base64.b64encode(png).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{what}">'


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body{{font:16px/1.4 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}}
main{{display:flex;flex-wrap:wrap;gap:1.5rem}}figure{{margin:0;max-width:33rem}}img{{margin-right:.5rem;width:min(16rem,45%)}}</style>
</head><body><h1>{title}</h1>
<p>Each picture as the model sees it, and where it looked for its first answer: bright places moved the answer most (Grad-CAM on the last convolution). This says where, not why, and not whether the answer is right.</p>
<main>
{rows}
</main></body></html>
"""  # noqa: E501
