"""A second data set, of real purchases and in CSV: another shape of files, the same language."""

import csv
import json
import lzma
from decimal import Decimal
from itertools import islice
from pathlib import Path

from tests.filrouge.conftest import Filrouge

ROWS = 200

MAPPING = """name = "completejourney"
time_zone = "America/New_York"
currency = "USD"

[ledger]
name = "Complete Journey"
time_zone = "America/New_York"
currency = "USD"

[values]
member = { lookup = "member", of = ["household_id"] }

[[file]]
match = "campaign_descriptions.csv"
source = "cj/campaign-descriptions"
id = { column = "campaign_id" }
time = { column = "start_date" }
[[file.event]]
type = "campaign.planned.v1"
[file.event.fields]
campaign_id = { template = "cj-{campaign_id}" }
name = { template = "{campaign_type} {campaign_id}" }
starts = { column = "start_date" }
ends = { after = { column = "end_date" }, days = 1 }
currency = "USD"

[[file]]
match = "demographics.csv"
source = "cj/demographics"
time = 2017-01-01T00:00:00
[[file.event]]
type = "member.enrolled.v1"
[file.event.fields]
member_id = "$member"
age_band = { column = "age", map = { "65+" = "65-plus" }, otherwise = { column = "age" } }
[[file.event]]
type = "profile.updated.v1"
[file.event.fields]
member_id = "$member"
[file.event.fields.personal]
income = { column = "income" }
marital_status = { column = "marital_status", absent = ["Unknown", "NA"], case = "lower" }
household_size = { column = "household_size" }

[[file]]
match = "campaigns.csv"
source = "cj/campaigns"
time = 2017-01-01T00:00:00
[[file.event]]
type = "invitation.sent.v1"
[file.event.fields]
invitation_id = { template = "cj-{campaign_id}-{@record}" }
campaign_id = { template = "cj-{campaign_id}" }
member_id = "$member"

[[file]]
match = "transactions*.csv*"
source = "cj/transactions"
time = { column = "transaction_timestamp" }
[[file.event]]
type = "purchase.recorded.v1"
[file.event.fields]
purchase_id = { template = "cj-{@record}" }
order_reference = { column = "basket_id" }
member_id = "$member"
store_id = { column = "store_id" }
currency = "USD"
net = { column = "sales_value", as = "minor_units" }
[[file.event.fields.lines]]
sku = { column = "product_id" }
quantity = { column = "quantity" }
net = { column = "sales_value", as = "minor_units" }
discount = { column = "retail_disc", as = "minor_units", multiply = 1 }
"""


def rows_of(path: Path) -> list[dict[str, str]]:
    """The first rows of a file, read without our reader."""
    text = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
    return list(islice(csv.DictReader(text.decode().splitlines()), ROWS))


def test_two_hundred_rows_of_each_file(
    filrouge: Filrouge, complete_journey: Path, tmp_path: Path
) -> None:
    """Campaigns, households, invitations and purchases; sums as the files say them."""
    names = {
        "campaign_descriptions.csv": "campaign_descriptions.csv",
        "demographics.csv": "demographics.csv",
        "campaigns.csv": "campaigns.csv",
        "transactions_sample.csv.xz": "transactions_sample.csv",
    }
    rows = {}
    for name, short in names.items():
        rows[short] = rows_of(complete_journey / name)
        with (tmp_path / short).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[short][0]))
            writer.writeheader()
            writer.writerows(rows[short])
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING)
    files = [tmp_path / short for short in names.values()]
    said = filrouge("import", *files, "--mapping", mapping, "--json").json
    assert said["recorded"] == {
        "campaign.planned.v1": 27, "invitation.sent.v1": ROWS, "member.enrolled.v1": ROWS,
        "profile.updated.v1": ROWS, "purchase.recorded.v1": ROWS,
    }  # fmt: skip
    sales = rows["transactions_sample.csv"]
    cents = sum(round(Decimal(row["sales_value"]) * 100) for row in sales)
    assert filrouge("status", "--json").json["money"] == {"purchases": {"USD": cents}}
    entries = [json.loads(line) for line in filrouge("export").out.splitlines()]
    first = next(one for one in entries if one["type"] == "campaign.planned.v1")["data"]
    assert first["starts"] == "2017-03-03T00:00:00-05:00"
    assert first["ends"] == "2017-04-10T00:00:00-04:00"
    bought = [one for one in entries if one["type"] == "purchase.recorded.v1"]
    assert [one["time"] for one in bought[:1]] == [sales[0]["transaction_timestamp"]]
    assert len({one["data"]["order_id"] for one in bought}) == len(
        {row["basket_id"] for row in sales}
    )
    again = filrouge("import", *files, "--mapping", mapping, "--json").json
    assert again["recorded"] == {}
