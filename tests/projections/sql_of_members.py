"""The figures of members: SQL over tables of :mod:`tests.projections.sql_of_people`.

Each statement gives rows of member, name of the figure, and an integer; instants are microseconds.
"""

from __future__ import annotations

from typing import Final

TABLES: Final = {
    # Being written to is no contact; what a member does is, whatever became of it.
    "contacts": """
        SELECT person, time FROM acts WHERE type IN (
            'member.enrolled.v1', 'participation.recorded.v1', 'purchase.recorded.v1',
            'share.recorded.v1', 'visit.recorded.v1', 'contribution.posted.v1',
            'service_contact.recorded.v1')
        UNION ALL
        SELECT data->>'advocate_id', time FROM log WHERE type = 'referral.made.v1'
    """,
}

SPEND: Final = """
WITH spend AS (
    SELECT person, currency, count(*) AS purchases, sum(net) AS net, sum(returned) AS returned
    FROM purchases GROUP BY person, currency
)
SELECT person, name || ' ' || currency, amount FROM spend, LATERAL (
    VALUES ('purchases', purchases), ('net', net), ('returned', returned)) AS said (name, amount)
"""

COUNTS: Final = """
SELECT person, name, count(*)
FROM acts JOIN (VALUES
    ('invitation.sent.v1', 'invitations_sent'), ('invitation.opened.v1', 'invitations_opened'),
    ('invitation.clicked.v1', 'invitations_clicked'), ('share.recorded.v1', 'shares'),
    ('visit.recorded.v1', 'visits'), ('contribution.posted.v1', 'contributions'),
    ('answer.accepted.v1', 'accepted_answers'),
    ('service_contact.recorded.v1', 'service_contacts')
) AS counted (type, name) USING (type)
GROUP BY person, name
"""

CAMPAIGNS: Final = """
WITH part AS (
    SELECT person, campaign, count(*) AS participations, pg_temp.micros(min(time)) AS first,
        pg_temp.micros(max(time)) AS last
    FROM participations WHERE NOT disqualified GROUP BY person, campaign
)
SELECT person, campaign || ' ' || name, amount FROM part, LATERAL (
    VALUES ('participations', participations), ('first', first), ('last', last)
) AS said (name, amount)
UNION ALL SELECT person, 'participations', count(*)
    FROM participations WHERE NOT disqualified GROUP BY person
UNION ALL SELECT person, 'disqualified', count(*)
    FROM participations WHERE disqualified GROUP BY person
"""

INSTANTS: Final = """
SELECT person, 'first_contact', pg_temp.micros(min(time)) FROM contacts GROUP BY person
UNION ALL SELECT person, 'last_contact', pg_temp.micros(max(time)) FROM contacts GROUP BY person
UNION ALL SELECT person, 'first_purchase', pg_temp.micros(min(time)) FROM purchases GROUP BY person
UNION ALL SELECT member, 'enrolled', pg_temp.micros(enrolled_at) FROM members
"""

ADVOCACY: Final = """
WITH advocacy AS (
    SELECT advocate, count(*) FILTER (WHERE named) AS friend_invitations,
        count(*) AS referrals_made,
        count(referee) FILTER (WHERE NOT voided) AS referrals_qualified,
        count(*) FILTER (WHERE voided) AS referrals_voided,
        count(DISTINCT referee) FILTER (WHERE NOT voided) AS referees
    FROM referrals GROUP BY advocate
)
SELECT advocate, name, amount FROM advocacy, LATERAL (VALUES
    ('friend_invitations', friend_invitations), ('referrals_made', referrals_made),
    ('referrals_qualified', referrals_qualified), ('referrals_voided', referrals_voided),
    ('referees', referees)) AS said (name, amount)
UNION ALL
SELECT DISTINCT referee, 'referred by ' || advocate, 1
FROM referrals WHERE referee IS NOT NULL AND NOT voided
"""

IN_ALL: Final = (
    """
SELECT 'in all', name, amount
FROM (SELECT count(*) AS enrolled, count(ended_at) AS ended FROM members) AS counted,
    LATERAL (VALUES ('enrolled', enrolled), ('ended', ended)) AS said (name, amount)
""",
    """
SELECT 'in all', name || ' ' || currency, sum(amount)
FROM purchases, LATERAL (VALUES
    ('purchases', 1), ('net', net), ('returned', returned)) AS said (name, amount)
WHERE person NOT LIKE 'visitor:%'
GROUP BY name, currency
""",
)
"""Over all members; what those who became members had bought before is theirs."""

FIGURES: Final = (SPEND, COUNTS, CAMPAIGNS, INSTANTS, ADVOCACY)
