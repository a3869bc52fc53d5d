"""What a study's test images could show, said before anything is trained."""

import re
from dataclasses import replace

import pytest

from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.study import Study, load
from rungs.study.cautions import cautions, few_images


def of(images: int, seeds: int) -> Study:
    study = load("quickstart")
    data = SyntheticSpec(classes=10, train=300, validation=100, test=images)
    return replace(study, data=data, seeds=seeds)


@pytest.mark.parametrize(("images", "low", "high"), [(36, 15, 35), (100, 8, 20)])
def test_few_test_images_show_large_differences_only(images: int, low: int, high: int) -> None:
    (line,) = few_images(of(images, 3))
    found = re.search(r"no true difference under (\d+) points", line)
    assert found is not None
    assert low < int(found.group(1)) < high
    assert f"{images} test images" in line
    assert line in cautions(of(images, 3), None, strict=False)


def test_more_seeds_show_more_and_many_images_are_not_warned_of() -> None:
    def points(seeds: int) -> int:
        found = re.search(r"under (\d+) points", few_images(of(36, seeds))[0])
        assert found is not None
        return int(found.group(1))

    assert points(8) < points(2)
    assert few_images(of(5000, 2)) == []
