"""Custom events: of a declared kind they fit its schema, and rules look at them like at others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.custom import CustomRecorded
from domain.declaring import CustomDoesNotFit, DeclareCustomKind, SchemaInvalid
from domain.event import Event
from tests.domain.earners import club, given, terms
from tests.domain.scenario import Scenario

RUN = {
    "type": "object",
    "properties": {"km": {"type": "integer", "minimum": 1}, "shoe": {"type": "string"}},
    "required": ["km"],
    "additionalProperties": False,
}


def run(**attributes: Any) -> Event:
    """A member went for a run."""
    return CustomRecorded(kind="run", member_id="m1", attributes=attributes)


def declared(scenario: Scenario, schema: Any = RUN) -> None:
    """Declare the kind."""
    scenario.when(DeclareCustomKind(kind="run", json_schema=json.dumps(schema)))


@pytest.mark.parametrize(
    "attributes, place",
    [
        ({"km": 0}, "attributes.km"),
        ({"shoe": "x"}, "attributes"),
        ({"km": 5, "x": 1}, "attributes"),
    ],
)
def test_what_does_not_fit_is_refused(attributes: dict[str, Any], place: str) -> None:
    """With the place; and what fits is recorded."""
    scenario = Scenario()
    declared(scenario)
    with pytest.raises(CustomDoesNotFit, match=f"^{place}: "):
        scenario.happens(run(**attributes))
    assert scenario.happens(run(km=5)) == []


def test_a_kind_that_nobody_declared_takes_anything() -> None:
    """And what was recorded before its declaration stays."""
    scenario = Scenario()
    scenario.happens(run(whatever=True))
    declared(scenario)
    declared(scenario, {"type": "object"})
    assert scenario.happens(run(whatever=True)) == []


@pytest.mark.parametrize(
    "text",
    ["no json", "[]", '{"type": "objec"}', '{"$ref": "https://example.com/x.json"}'],
)
def test_what_is_no_schema_is_refused(text: str) -> None:
    """Nothing is fetched from elsewhere either."""
    with pytest.raises(SchemaInvalid):
        Scenario().when(DeclareCustomKind(kind="run", json_schema=text))


def test_a_brand_rewards_what_it_wants_without_a_line_of_code() -> None:
    """Five points a kilometre, for runs of at least three."""
    condition = "event.kind == 'run' && event.attributes.km >= 3"
    said = terms(
        trigger="custom.recorded", condition=condition, points="5 * int(event.attributes.km)"
    )
    scenario = club(run=said)
    declared(scenario)
    assert given(scenario.happens(run(km=2))) == {}
    assert given(scenario.happens(run(km=7))) == {"run": 35}
