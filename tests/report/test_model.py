"""The page of a whole model: by block, offline, inert, and no more than was found."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import conserved as cq
from conserved.errors import InputError
from conserved.report import render_model, write_model_report
from tests.report.reading import (
    assert_accessible,
    assert_offline_and_inert,
    downloads,
    parsed,
)

torch = pytest.importorskip("torch", reason="needs the extra torch")


@cache
def laws() -> cq.BlockLaws:
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Linear(2, 2, bias=False)
            parts = [(nn.Linear(2, k), nn.ReLU(), nn.Linear(k, 2)) for k in (3, 4)]
            self.layers = nn.ModuleList(nn.Sequential(*part) for part in parts)
            self.head = nn.Linear(2, 1, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.embed(x)
            for layer in self.layers:
                x = x + layer(x)
            return self.head(x)

    torch.manual_seed(0)
    return cq.block_laws(Net(), torch.zeros(1, 2))


def test_the_page_is_whole_and_true() -> None:
    page = render_model(laws(), command="conserved analyze x.py:f --blocks")
    assert_offline_and_inert(page)
    assert_accessible(page)
    assert len(page.encode()) < 200_000
    root = parsed(page)
    assert f"≥ {laws().lower:,}" in root.text
    assert "no upper bound is known" in root.text
    told = downloads(root)["laws.json"]
    assert told == laws().to_json()
    (section,) = [s for s in root.all("section") if s["aria-labelledby"] == "laws"]
    cards = [li for li in section.all("li")]
    assert len(cards) == len(laws().lines)
    texts = {text for text, _, _ in laws().lines}
    assert {li.all("p")[0].text for li in cards} == texts


def test_laws_stand_by_block() -> None:
    root = parsed(render_model(laws()))
    blocks = [h.text for h in root.all("h3")]
    assert blocks == ["layers.0", "layers.1", "across blocks"]


def test_hostile_names_are_only_names() -> None:
    payload = "</title><script>alert(1)</script>"
    page = render_model(replace(laws(), network=payload, notes=(payload,)), command=payload)
    assert_offline_and_inert(page)
    assert payload in parsed(page).all("h1")[0].text


def test_a_model_without_laws() -> None:
    page = render_model(replace(laws(), laws=(), lower=0, lower_without_eps=0))
    assert_accessible(page)
    assert "No law along the axes of tensors." in page


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_model_report(laws(), tmp_path)
    assert write_model_report(laws(), tmp_path / "a" / "b.html").is_file()
