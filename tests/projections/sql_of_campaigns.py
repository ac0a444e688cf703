"""The figures of campaigns: SQL over tables of :mod:`tests.projections.sql_of_people`.

Each statement gives rows of campaign, name of the figure, and an integer: a count, or minor units.
"""

from __future__ import annotations

from typing import Final

PLANS: Final = """
WITH said AS (
    SELECT data->>'campaign_id' AS campaign, type, position, time, data FROM log
    WHERE type IN ('campaign.planned.v1', 'campaign.amended.v1', 'campaign.closed.v1')
), starting AS (
    SELECT DISTINCT ON (campaign) campaign, (data->>'starts')::timestamptz AS starts
    FROM said WHERE data ? 'starts' ORDER BY campaign, position DESC
), ending AS (
    SELECT DISTINCT ON (campaign) campaign, (data->>'ends')::timestamptz AS ends FROM said
    WHERE type = 'campaign.planned.v1' OR data ? 'ends' OR data->'clear' ? 'ends'
    ORDER BY campaign, position DESC
), closing AS (
    SELECT campaign, max(time) AS closed FROM said
    WHERE type = 'campaign.closed.v1' GROUP BY campaign
)
SELECT campaign, starts, least(ends, closed) AS over,
    coalesce(least(ends, closed) + interval '720 hours', 'infinity') AS revenue_until
FROM starting LEFT JOIN ending USING (campaign) LEFT JOIN closing USING (campaign)
"""
"""The dates that hold now. Revenue is counted until 30 times 24 hours after the end."""

ALLOWED: Final = """
SELECT DISTINCT campaign, person
FROM (
    SELECT DISTINCT ON (campaign, person, data->>'purpose', owned) campaign, person,
        type = 'consent.granted.v1' AND data->>'double_opt_in' IS DISTINCT FROM 'pending' AS yes
    FROM plans
    JOIN acts ON type IN ('consent.granted.v1', 'consent.withdrawn.v1') AND time <= starts
    JOIN unnest(array['email', 'e-mail', 'sms', 'phone', 'messenger', 'app']) AS owned
        ON owned = coalesce(data->>'channel', owned)
    WHERE data->>'purpose' NOT IN ('profiling', 'analytics')
    ORDER BY campaign, person, data->>'purpose', owned, time DESC, position DESC
) AS said_last
WHERE yes
"""
"""Who could be written to, on some channel of the brand's own, when a campaign began."""

AUDIENCE: Final = """
SELECT campaign, person, paid, starts, revenue_until, enrolled_at IS NOT NULL AS member,
    enrolled_at < starts AND coalesce(ended_at >= starts, true) AS known,
    enrolled_at >= starts AND coalesce(enrolled_at < over, true) AS new,
    (campaign, person) IN (SELECT campaign, person FROM allowed) AS contactable
FROM (
    SELECT campaign, person, bool_or(paid) AS paid FROM participations
    WHERE NOT disqualified AND person IS NOT NULL GROUP BY campaign, person
) AS participants
LEFT JOIN plans USING (campaign)
LEFT JOIN members ON member = person
"""
"""The participants of each campaign: those with a participation that was not disqualified."""

TABLES: Final = {"plans": PLANS, "allowed": ALLOWED, "audience": AUDIENCE}

DATES: Final = """
SELECT campaign, 'starts', pg_temp.micros(starts) FROM plans
UNION ALL SELECT campaign, 'revenue_until', pg_temp.micros(revenue_until)
FROM plans WHERE revenue_until < 'infinity'
"""

COSTS: Final = """
WITH costs AS (
    SELECT data->>'campaign_id' AS campaign, data->>'kind' AS kind,
        coalesce(data->>'status', 'actual') AS status,
        data#>>'{cost,currency}' AS currency, (data#>>'{cost,amount}')::numeric AS amount
    FROM log WHERE type = 'cost.recorded.v1' AND NOT data ?& array['labour_minutes', 'hourly_rate']
    UNION ALL
    SELECT data->>'campaign_id', data->>'kind', coalesce(data->>'status', 'actual'),
        data#>>'{hourly_rate,currency}',
        round((data#>>'{hourly_rate,amount}')::numeric * (data->>'labour_minutes')::numeric / 60)
    FROM log WHERE type = 'cost.recorded.v1' AND data ?& array['labour_minutes', 'hourly_rate']
)
SELECT campaign, concat_ws(' ', kind, status, currency), sum(amount) FROM costs
GROUP BY campaign, kind, status, currency
"""
"""By kind, status and currency; labour is hours x rate where both are given."""

PROMISES: Final = """
SELECT campaign, name, sum(amount)
FROM (
    SELECT data->>'campaign_id' AS campaign, type LIKE 'points.earned%' AS earned,
        (data->>'points')::bigint AS points, data#>>'{cost,currency}' AS currency,
        (data#>>'{cost,amount}')::bigint AS cost
    FROM log WHERE type IN ('points.earned.v1', 'points.clawed_back.v1')
) AS moved, LATERAL (VALUES
    ('awards', earned::integer),
    ('points', CASE WHEN earned THEN points ELSE 0 END),
    ('points_clawed_back', CASE WHEN earned THEN 0 ELSE points END),
    ('points_cost ' || currency, CASE WHEN earned THEN cost ELSE -cost END)
) AS said (name, amount)
GROUP BY campaign, name
UNION ALL
SELECT campaign, name, sum(amount)
FROM (
    SELECT data->>'reward_id' AS reward, min(data->>'campaign_id') AS campaign,
        bool_or(type = 'reward.granted.v1') AS granted,
        bool_or(type = 'reward.redeemed.v1') AS redeemed,
        bool_or(type = 'reward.withdrawn.v1') AS withdrawn,
        (array_agg(data->'cost' ORDER BY type = 'reward.redeemed.v1' DESC, position)
            FILTER (WHERE data ? 'cost' AND type <> 'reward.withdrawn.v1'))[1] AS cost
    FROM log WHERE type IN ('reward.granted.v1', 'reward.redeemed.v1', 'reward.withdrawn.v1')
    GROUP BY reward
) AS rewards, LATERAL (VALUES
    ('rewards_granted', granted::integer), ('rewards_redeemed', redeemed::integer),
    ('rewards_withdrawn', withdrawn::integer),
    ('rewards_cost ' || (cost->>'currency'),
        CASE WHEN withdrawn THEN 0 ELSE (cost->>'amount')::bigint END)
) AS said (name, amount)
GROUP BY campaign, name
"""
"""Points less what was clawed back; rewards at what they did cost, or were granted with."""

IMPRESSIONS: Final = """
SELECT campaign, concat_ws(' ', stage, channel, name), sum(amount)
FROM (
    SELECT data->>'campaign_id' AS campaign, data->>'stage' AS stage, data->>'channel' AS channel,
        (data->>'count')::bigint AS count, (data->>'invalid_count')::bigint AS invalid
    FROM log WHERE type = 'impressions.reported.v1'
) AS reported, LATERAL (VALUES
    ('count', count), ('invalid', invalid), ('measured', CASE WHEN invalid >= 0 THEN count END)
) AS said (name, amount)
GROUP BY campaign, stage, channel, name
"""
"""By stage and channel; of reports that measured invalid traffic also how much they reported."""

INVITATIONS: Final = """
WITH told AS (
    SELECT data->>'invitation_id' AS invitation, position, data->>'campaign_id' AS said_campaign,
        split_part(type, '.', 2) AS outcome, coalesce(data->>'opened_by', 'unknown') AS by_whom
    FROM log WHERE type LIKE 'invitation.%'
), whole AS (
    SELECT invitation, outcome, by_whom, first_value(said_campaign) OVER (
        PARTITION BY invitation ORDER BY said_campaign IS NULL, position) AS campaign
    FROM told
), named AS (
    SELECT campaign, invitation, outcome FROM whole
    UNION ALL SELECT campaign, invitation, outcome || '_' || by_whom FROM whole
        WHERE outcome IN ('opened', 'clicked')
)
SELECT campaign, 'invitations ' || outcome, count(DISTINCT invitation) FROM named
GROUP BY campaign, outcome
UNION ALL SELECT campaign, 'times ' || outcome, count(*) FROM named GROUP BY campaign, outcome
"""

ENGAGEMENT: Final = """
SELECT data->>'campaign_id', name, count(*)
FROM log JOIN (VALUES ('share.recorded.v1', 'shares'), ('visit.recorded.v1', 'visits'),
    ('contribution.posted.v1', 'contributions')) AS counted (type, name) USING (type)
GROUP BY data->>'campaign_id', name
UNION ALL
SELECT campaign, name, count(*) FILTER (WHERE counts)
FROM referrals, LATERAL (VALUES
    ('friend_invitations', named), ('referrals_made', made), ('referrals_voided', voided),
    ('referrals_qualified', referee IS NOT NULL AND NOT voided)) AS said (name, counts)
GROUP BY campaign, name
"""

PEOPLE: Final = """
SELECT campaign, CASE WHEN disqualified THEN 'disqualified' ELSE 'participations' END, count(*)
FROM participations WHERE person IS NOT NULL GROUP BY campaign, disqualified
UNION ALL
SELECT campaign, name, count(*) FILTER (WHERE counts)
FROM audience, LATERAL (VALUES
    ('participants', true), ('members', member), ('known', known), ('new', new),
    ('paid_origin', paid), ('re_bought', paid AND known AND contactable)) AS said (name, counts)
GROUP BY campaign, name
UNION ALL
SELECT enrolled_by, 'enrolments', count(*) FROM members GROUP BY enrolled_by
UNION ALL
SELECT campaign, 'new_customers', count(*)
FROM (SELECT campaign, person FROM audience UNION SELECT enrolled_by, member FROM members) AS one
JOIN plans USING (campaign)
JOIN (SELECT person, min(time) AS first FROM purchases GROUP BY person) AS bought USING (person)
WHERE starts <= first AND first < revenue_until
GROUP BY campaign
"""

REVENUE: Final = """
SELECT campaign, name || ' ' || currency, amount
FROM (
    SELECT campaign, currency, count(*) AS purchases, count(DISTINCT person) AS buyers,
        sum(net) AS net, sum(returned) AS returned
    FROM audience JOIN purchases USING (person)
    WHERE starts <= time AND time < revenue_until
    GROUP BY campaign, currency
) AS revenue, LATERAL (VALUES ('purchases', purchases), ('buyers', buyers), ('net', net),
    ('returned', returned)) AS said (name, amount)
"""
"""What participants bought in the window, less what came back of just that, whenever it did."""

FIGURES: Final = (
    DATES, COSTS, PROMISES, IMPRESSIONS, INVITATIONS, ENGAGEMENT, PEOPLE, REVENUE,
)  # fmt: skip
