"""What a dataset fixes, as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from conserved.cli.text import aligned, analysis_text, counted, wrapped
from conserved.dataset import Closed, Survey

_SHOWN = 12  # groups of features that are spelled out


def survey_text(survey: Survey) -> str:
    """Facts of the table, of its symmetry, and of a network on it."""
    features = survey.features
    rows, distinct = len(features.rows), features.distinct
    repeated = "all different" if distinct == rows else f"{distinct:,} of them different"
    beside = len(survey.labels.columns) if survey.labels else 0
    labels = f", {counted(beside, 'label column')}" if beside else ""
    count = len(features.columns)
    free = count - features.rank
    frozen = f"the inputs leave {free:,} direction{'s' if free > 1 else ''} of {count:,} alone"
    size = f"{counted(rows, 'row')}, {repeated}; {counted(count, 'feature')}{labels}"
    facts = [
        ("data", survey.table.source, size),
        ("rank", f"{features.rank:,}", frozen if free else "the inputs span all features"),
        ("zero", f"{len(features.zero):,}", _features(survey, features.zero)),
        ("constant", f"{len(features.constant):,}", _constant(survey)),
        ("duplicate", f"{len(features.duplicates):,}", _duplicates(survey)),
    ]
    blocks = [aligned(facts), _groups(survey.groups, labelled=survey.labels is not None)]
    blocks += [wrapped(line) for line in _conclusions(survey)]
    if survey.drifts is not None:
        blocks.append(_drifts(survey))
    if survey.analysis is not None:
        blocks.append(analysis_text(survey.analysis))
    return "\n\n".join(block for block in blocks if block)


def _features(survey: Survey, places: Sequence[int]) -> str:
    names = survey.table.names
    shown = [names[i] if names else str(i + 1) for i in places[:_SHOWN]]
    more = f" and {len(places) - _SHOWN:,} more" if len(places) > _SHOWN else ""
    word = "feature" if len(places) == 1 else "features"
    return f"{word} {', '.join(shown)}{more}" if places else ""


def _constant(survey: Survey) -> str:
    found = survey.features.constant
    names = survey.table.names
    shown = [f"{names[i] if names else i + 1} = {value}" for i, value in found[:_SHOWN]]
    more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    return f"features {', '.join(shown)}{more}" if found else ""


def _duplicates(survey: Survey) -> str:
    found = survey.features.duplicates
    names = survey.table.names
    shown = [" = ".join(names[i] if names else str(i + 1) for i in group) for group in found]
    more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    return f"features {', '.join(shown[:_SHOWN])}{more}" if found else ""


def _groups(groups: Sequence[Closed], *, labelled: bool) -> str:
    """One line a group: closed or not, and by how much the moments miss it."""
    rows = [("symmetry", "index of breaking", "")]
    for group in groups:
        index = f"{group.index:.3g}" if group.index and not group.moments else "0"
        if labelled and group.label_index is not None:
            index += f", labels {group.label_index:.3g}"
        rows.append((group.group, index, _words(group)))
    return aligned(rows)


def _drifts(survey: Survey) -> str:
    """Laws that the symmetry would add, and how fast they drift on the data as they are."""
    group, found = survey.groups[0].group, survey.drifts or ()
    if not found:
        return wrapped(
            f"Data closed under {group} would add no law to this network, or none known."
        )
    title = wrapped(
        f"Data closed under {group} would add these laws. On the data as they are they drift, at "
        "random parameters, before any training:"
    )
    rows = [("law", "rate |ḣ|", "of what it could be")]
    rows += [(law.law.text, f"{law.rate:.3g}", f"{100 * law.share:.2g} %") for law in found]
    return f"{title}\n{aligned(rows)}"


def _words(group: Closed) -> str:
    if group.exact:
        return "closed, exactly" + (", with labels" if group.samples else "")
    if group.inputs:
        return "inputs closed, exactly; not with their labels"
    if group.moments:
        return "not closed, but its second moments are those of closed data"
    return "not closed"


def _conclusions(survey: Survey) -> list[str]:
    """What that does to training."""
    features, told = survey.features, []
    if features.zero:
        told.append(
            "Weights that read a zero feature alone get no gradient: they stay where they started "
            "(weight decay apart)."
        )
    if features.rank < len(features.columns):
        told.append(
            f"A first layer x ↦ W x keeps W v for every v ⊥ the inputs: "
            f"{len(features.columns) - features.rank:,} numbers for each row of W."
        )
    return told
