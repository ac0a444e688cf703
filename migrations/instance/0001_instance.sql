-- What one installation knows beside its ledgers: which ledgers there are, and who may come in.
--
-- Run with search_path set to the schema `filrouge`.

CREATE TABLE ledgers (
    name       text PRIMARY KEY CHECK (length(name) <= 48),
    schema     text NOT NULL UNIQUE,
    role       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE ledgers IS 'One brand, one row: the schema that holds its log, and its role';

CREATE TABLE api_keys (
    id         text PRIMARY KEY,
    hash       bytea NOT NULL CHECK (length(hash) = 32),
    last       text NOT NULL CHECK (length(last) = 4),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    ledgers    text[] NOT NULL,
    scopes     text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz
);
COMMENT ON COLUMN api_keys.hash IS 'SHA-256 of the secret, which is 256 random bits and kept nowhere';
COMMENT ON COLUMN api_keys.last IS 'The last four characters of the secret, to tell keys apart';
COMMENT ON COLUMN api_keys.ledgers IS 'Names of ledgers; * is every ledger';
