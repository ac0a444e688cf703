"""The page of the projections: their tables, the fields of a row, and what each takes in."""

from __future__ import annotations

import inspect
import sys

import msgspec

from domain.event import event_classes
from filrouge.documentation.kinds import structs_in
from filrouge.documentation.markdown import anchor, listed, on_one_line, page, prose, table
from filrouge.documentation.projecting import projections
from filrouge.documentation.structs import row_table
from projections.fold import Fold, Projection, Total


def projections_page() -> str:
    """``projections.md``: every projection with its version, its tables and its rows."""
    return page(
        "Projections",
        "Tables that are folded from the log, and can be folded again at any time "
        "(see [Projections](../explanation/projections.md)). A table is named "
        "`projection_<table>_v<version>_<build>`; which build is read is said by a pointer.",
        table(
            ("Projection", "Version", "Tables"),
            [
                (
                    f"[{name}](#{anchor(name)})",
                    str(one.version),
                    ", ".join(f"`{member.table}`" for member in one.members),
                )
                for name, one in projections().items()
            ],
        ),
        *(_section(one) for one in projections().values()),
    )


def module_of(projection: Projection) -> str:
    """The module whose name a projection is."""
    return next(
        name
        for name, module in sorted(sys.modules.items())
        if name.startswith("projections.") and projection in _values(module)
    )


def _values(module: object) -> list[Projection]:
    return [value for value in vars(module).values() if isinstance(value, Projection)]


def _section(one: Projection) -> str:
    taken = [f"[{name}](events.md#{anchor(name)})" for name in event_classes() if name in one.types]
    return "\n\n".join(
        [
            f"## {one.name}",
            prose(sys.modules[module_of(one)].__doc__),
            f"Version {one.version}. Takes in {listed(taken)}.",
            *(_fold(fold) for fold in one.folds),
            *(_total(total) for total in one.totals),
        ]
    )


def _fold(fold: type[Fold]) -> str:
    assert isinstance(fold.Row, type)
    inner = structs_in(fold.Row)
    links = {cls.__name__: f"#{anchor(_inner_title(fold, cls))}" for cls in inner}
    key = f"`{fold.key}:`"
    said = [f"A row for each {key}."]
    if fold.keys is not Fold.keys:
        said = [f"Rows of each {key}: {on_one_line(inspect.getdoc(fold.keys))}"]
    said += [
        f"Takes in what belongs to one by an alias, `{alias.kind}:`. {on_one_line(alias.__doc__)}"
        for alias in fold.aliases
    ]
    if fold.anonymous:
        said.append(f"Each `{fold.anonymous}:` that stands for none has a row of its own.")
    inside = [
        f"#### {_inner_title(fold, cls)}\n\n{prose(cls.__doc__)}\n\n{row_table(cls, links)}"
        for cls in inner
    ]
    rows = row_table(fold.Row, links)
    return "\n\n".join([_title(fold), prose(fold.__doc__), " ".join(said), rows, *inside])


def _title(member: type[Fold | Total]) -> str:
    return f"### Table {member.table}"


def _inner_title(fold: type[Fold], cls: type[msgspec.Struct]) -> str:
    return f"{fold.table}: {cls.__name__}"


def _total(total: type[Total]) -> str:
    context = f", with the rows of `{total.context.table}` beside them" if total.context else ""
    return "\n\n".join(
        [
            _title(total),
            prose(total.__doc__),
            f"Sums over the rows of `{total.of.table}`{context}; a flat object of whole numbers.",
        ]
    )
