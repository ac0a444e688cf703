"""The reference under ``docs/reference``: made from the code, so it says nothing else."""
