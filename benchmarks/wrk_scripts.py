"""What wrk is told to ask: balances of random accounts, and events that are all different."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from string import Template
from typing import Final

from benchmarks import crowd

GET: Final = Template("""
math.randomseed($seed)
local headers = { ["Authorization"] = "Bearer $secret" }
local ids = {}
for line in io.lines("$ids") do ids[#ids + 1] = line end
request = function()
  local id = ids[math.random(#ids)]
  return wrk.format("GET", "/v1/$ledger/accounts/" .. id .. "/balance", headers)
end
""")
POST: Final = Template("""
math.randomseed($seed)
local headers = { ["Authorization"] = "Bearer $secret", ["Content-Type"] = "application/json" }
local number = 0
request = function()
  number = number + 1
  local id, who = "w$seed-" .. number, math.random($members)
  local body = '$body'
  return wrk.format("POST", "/v1/$ledger/events", headers, body)
end
""")
EVENT: Final = (
    '{"specversion":"1.0","id":"@ID","source":"bench-http","time":"2024-11-20T18:00:00+01:00",'
)
VISIT: Final = (
    EVENT + '"type":"visit.recorded.v1","data":{"member_id":"m_@WHO","campaign_id":"c1",'
    '"place":"web","landing":"/collection/winter"}}'
)
PARTICIPATION: Final = (
    EVENT + '"type":"participation.recorded.v1","data":{"participation_id":"@ID",'
    '"member_id":"m_@WHO","campaign_id":"c0","activation_id":"quiz0","outcome":"finished"}}'
)

_seeds = count(1)


def get_script(folder: Path, ledger: str, secret: str, members: int) -> Path:
    """Ask for the balances of random accounts of the crowd."""
    ids = folder / f"accounts-{ledger}.txt"
    if not ids.exists():
        ids.write_text("".join(f"{crowd.account(number)}\n" for number in range(members)))
    return _written(folder, GET, ledger=ledger, secret=secret, ids=str(ids))


def post_script(folder: Path, ledger: str, secret: str, members: int, body: str) -> Path:
    """Report events, each with an id that no other one has, of any script."""
    lua = body.replace("@ID", "' .. id .. '").replace("@WHO", "' .. who .. '")
    return _written(folder, POST, ledger=ledger, secret=secret, members=members, body=lua)


def _written(folder: Path, template: Template, **values: object) -> Path:
    seed = next(_seeds)
    path = folder / f"wrk{seed}.lua"
    path.write_text(template.substitute(values, seed=seed))
    return path
