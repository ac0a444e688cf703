"""The page of the commands: what can be asked of the ledger, and what each decision depends on."""

from __future__ import annotations

from itertools import groupby

from domain.decision import Command, Reaction, Slice, View, commands, reactions, slices
from domain.earning import Earning
from filrouge.documentation.markdown import anchor, first_sentence, page, prose, table
from filrouge.documentation.sources import line_of
from filrouge.documentation.structs import area, fields_table


def commands_page() -> str:
    """``commands.md``: every command with its fields and its boundary, and the reactions."""
    found = sorted(documented(), key=lambda cls: (cls.__module__, line_of(cls)))
    index = table(
        ("Command", "What it asks"),
        [
            (f"[{cls.__name__}](#{anchor(cls.__name__)})", first_sentence(cls.__doc__))
            for cls in sorted(found, key=lambda cls: cls.__name__)
        ],
    )
    areas = [
        "\n\n".join([area(module), *map(_section, members)])
        for module, members in groupby(found, key=lambda cls: cls.__module__)
    ]
    return page(
        "Commands",
        "A command asks the ledger for a decision. It is decided on the *views* that it names: "
        "folds of the events that carry certain tags. They are its consistency boundary: nothing "
        "that they would have seen can slip in between reading and recording. What is refused is "
        "answered with a [rule's error](errors.md), and nothing is recorded.",
        index,
        *areas,
        _reactions(),
        _views(),
    )


def documented() -> list[type[Command]]:
    """The commands of the domain, by name."""
    return [cls for cls in commands().values() if cls.__module__.startswith("domain.")]


def _section(cls: type[Command]) -> str:
    decider = slices()[cls]
    return "\n\n".join(
        [
            f"### {cls.__name__}",
            prose(cls.__doc__),
            fields_table(cls),
            f"Decided by `{decider.__name__}`: {prose(decider.__doc__)}",
            f"Reads {_links(decider.reads)}.",
        ]
    )


def _links(views: tuple[type[View], ...]) -> str:
    return ", ".join(f"[{view.__name__}](#{anchor(view.__name__)})" for view in views)


def _reactions() -> str:
    found = sorted(reactions().items(), key=lambda item: item[0].type_name)
    return "\n\n".join(
        [
            "## Reactions",
            "What follows from a recorded event by rule is decided in the same batch, and "
            "committed with it. Its cause is the position of that event.",
            *(
                f"### {reaction.__name__}\n\n"
                f"After [{event.type_name}](events.md#{anchor(event.type_name)}): "
                f"{prose(reaction.__doc__)}\n\nReads {_links(reaction.reads)}."
                for event, some in found
                for reaction in some
            ),
            f"### {Earning.__name__}\n\nAfter every event that a rule of the ledger looks at: "
            f"{prose(Earning.__doc__)}\n\nReads {_links(Earning.reads)}.",
        ]
    )


def _views() -> str:
    reacting = (reaction for some in reactions().values() for reaction in some)
    deciders: tuple[type[Slice | Reaction], ...] = (*slices().values(), *reacting, Earning)
    found = {view for one in deciders for view in one.reads}
    return "\n\n".join(
        [
            "## Views",
            "Several decisions share one view; it is kept between decisions, and only advanced.",
            *(
                f"### {view.__name__}\n\n{prose(view.__doc__)}{_folds(view)}"
                for view in sorted(found, key=lambda view: view.__name__)
            ),
        ]
    )


def _folds(view: type[View]) -> str:
    """What a view folds; one that says it for each instance says so in its own text."""
    if not view.handlers:
        return ""
    return (
        "\n\nFolds "
        + ", ".join(
            f"[{event.type_name}](events.md#{anchor(event.type_name)})"
            for event in sorted(view.handlers, key=lambda event: event.type_name)
        )
        + "."
    )
