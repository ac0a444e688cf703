"""Whose each entry is, what people bought and took part in: SQL over the JSON of the entries.

Written from the definitions (the vocabulary, and the docstrings of events and projections), apart
from the code that follows them. Each name is a temporary table, made from those above it.
"""

from __future__ import annotations

from typing import Final

LOG: Final = """
WITH said AS MATERIALIZED (
    SELECT position, convert_from(entry, 'UTF8')::jsonb AS entry FROM entries
), voids AS (
    SELECT entry->'data' AS data FROM said
    WHERE entry->>'type' IN ('event.voided.v1', 'batch.voided.v1')
)
SELECT position, entry->>'type' AS type, (entry->>'time')::timestamptz AS time,
    entry->'data' AS data
FROM said
WHERE position NOT IN (SELECT (data->>'position')::bigint FROM voids WHERE data ? 'position')
AND coalesce(
    entry->>'batch' NOT IN (SELECT data->>'batch_id' FROM voids WHERE data ? 'batch_id'), true)
"""
"""What counts as recorded: neither voided itself, nor brought by a batch that was voided."""

VISITORS: Final = """
SELECT DISTINCT ON (visitor) data->>'visitor_id' AS visitor, data->>'member_id' AS member
FROM log WHERE type = 'visitor.identified.v1'
ORDER BY visitor, time, position
"""
"""A visitor is the member as whom they were identified, from the beginning; the earliest holds."""

ACCOUNTS: Final = """
SELECT DISTINCT ON (account) account, member
FROM (
    SELECT data->>'account_id' AS account, time, position, min(holder) AS member
    FROM log, jsonb_array_elements_text(data->'holders') AS holder
    WHERE type = 'account.opened.v1'
    GROUP BY account, time, position HAVING count(DISTINCT holder) = 1
) AS opened
ORDER BY account, time, position
"""
"""What a till says of an account alone is the member's for whom alone it was opened."""

ACTS: Final = """
SELECT log.*, coalesce(
    data->>'member_id', visited.member, came.member, held.member,
    'visitor:' || coalesce(data->>'visitor_id', data#>>'{contact,visitor_id}')) AS person
FROM log
LEFT JOIN visitors AS visited ON visited.visitor = data->>'visitor_id'
LEFT JOIN visitors AS came ON came.visitor = data#>>'{contact,visitor_id}'
LEFT JOIN accounts AS held ON held.account = data->>'account_id'
"""
"""Who did what: a visitor whom nobody knows is a person of their own, an account alone nobody."""

MEMBERS: Final = """
SELECT member, enrolled_at, enrolled_by, ended_at
FROM (
    SELECT DISTINCT ON (member) data->>'member_id' AS member, time AS enrolled_at,
        data->>'campaign_id' AS enrolled_by
    FROM log WHERE type = 'member.enrolled.v1'
    ORDER BY member, position DESC
) AS enrolled
LEFT JOIN (
    SELECT data->>'member_id' AS member, min(time) AS ended_at
    FROM log WHERE type IN ('membership.ended.v1', 'member.erased.v1')
    GROUP BY member
) AS gone USING (member)
"""

PURCHASES: Final = """
SELECT DISTINCT ON (purchase) data->>'purchase_id' AS purchase, time, person,
    data->>'currency' AS currency, (data->>'net')::bigint AS net,
    coalesce(back.net, 0) AS returned
FROM acts
LEFT JOIN (
    SELECT (data->>'purchase_position')::bigint AS position, sum((data->>'net')::bigint) AS net
    FROM log WHERE type = 'return.matched.v1'
    GROUP BY data->>'purchase_position'
) AS back USING (position)
WHERE type = 'purchase.recorded.v1' AND coalesce((data->>'part')::integer, 1) = 1
ORDER BY purchase, position
"""
"""Of a purchase told twice the first counts; further parts of it bring only lines."""

PARTICIPATIONS: Final = """
SELECT DISTINCT ON (participation) data->>'participation_id' AS participation, time, person,
    data->>'campaign_id' AS campaign, coalesce(data#>>'{contact,origin}' = 'paid', false) AS paid,
    data->>'participation_id' IN (
        SELECT data->>'participation_id' FROM log WHERE type = 'participation.disqualified.v1'
    ) AS disqualified
FROM acts WHERE type = 'participation.recorded.v1'
ORDER BY participation, position
"""

REFERRALS: Final = """
SELECT data->>'referral_id' AS referral, min(data->>'advocate_id') AS advocate,
    min(data->>'campaign_id') AS campaign,
    min(data->>'referee_id') FILTER (WHERE type = 'referral.qualified.v1') AS referee,
    bool_or(type = 'referral.made.v1') AS made,
    bool_or(type = 'referral.made.v1' AND data ? 'prospect_id') AS named,
    bool_or(type = 'referral.voided.v1') AS voided
FROM log WHERE type IN ('referral.made.v1', 'referral.qualified.v1', 'referral.voided.v1')
GROUP BY referral
"""
"""How far each referral came; who is a friend invitation was named to the brand."""

TABLES: Final = {
    "log": LOG,
    "visitors": VISITORS,
    "accounts": ACCOUNTS,
    "acts": ACTS,
    "members": MEMBERS,
    "purchases": PURCHASES,
    "participations": PARTICIPATIONS,
    "referrals": REFERRALS,
}
