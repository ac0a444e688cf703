"""How the world talks to the ledger over HTTP."""
