"""Our figures beside others', measured in the same run on the same machine: ``make bench``."""
