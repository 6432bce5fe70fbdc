"""What docs/reproduce.md says of pictures and records; tests/test_docs.py runs its commands."""

from __future__ import annotations

from pathlib import Path

from conserved.zoo import PUBLISHED, Reproduction, linear

PAGE = Path(__file__).parents[2] / "docs" / "reproduce.md"
TEXT = PAGE.read_text("utf-8")


def test_every_figure_has_its_picture_on_the_page() -> None:
    pictures = PAGE.parent / "pictures" / "figures"
    for name in PUBLISHED:
        assert f"(pictures/figures/{name}.png)" in TEXT
        assert (pictures / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    assert {path.stem for path in pictures.iterdir()} == set(PUBLISHED)


def test_every_key_of_the_record_is_described() -> None:
    measured = linear.measure(starts=1)
    record = Reproduction(PUBLISHED["linear"], measured, measured.claims(), 0, 1.0).to_json()
    for key in (*record, *record["claims"][0]):
        assert f"`{key}`" in TEXT, key
