-- The log of one ledger. Run with search_path set to the ledger's own schema.

CREATE TABLE head (
    sole boolean PRIMARY KEY DEFAULT true CHECK (sole),
    position bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 1,
    recorded_at timestamptz NOT NULL DEFAULT '1970-01-01T00:00:00Z'
) WITH (fillfactor = 10);
COMMENT ON TABLE head IS
    'The last position. Locked once per batch, so positions have no gap and are in commit order.';
INSERT INTO head DEFAULT VALUES;

CREATE TABLE types (
    id smallint PRIMARY KEY,
    name text NOT NULL UNIQUE
);
COMMENT ON TABLE types IS 'A short number for each stored event name.';

CREATE TABLE entries (
    position bigint PRIMARY KEY,
    type smallint NOT NULL,
    time timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    entry bytea NOT NULL CHECK (octet_length(entry) <= 65535)
);
COMMENT ON TABLE entries IS 'The events, as the exact bytes that are hashed and exported.';
CREATE INDEX entries_by_type ON entries (type, position);
CREATE INDEX entries_by_time ON entries USING brin (time) 
    WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE tags (
    hash bigint NOT NULL,
    type smallint NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (hash, type, position)
);
COMMENT ON TABLE tags IS 'First 8 bytes of the SHA-256 of each tag, to find events by tag and type.';

CREATE TABLE origins (
    key uuid PRIMARY KEY,
    position bigint NOT NULL
);
COMMENT ON TABLE origins IS 'First 16 bytes of the SHA-256 of source and id: recorded once.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on %.% is refused',
        TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tags
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON origins
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON types
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION forward_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.position < OLD.position OR NEW.epoch < OLD.epoch OR NEW.recorded_at < OLD.recorded_at
    THEN
        RAISE EXCEPTION 'the head of a log never goes back' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER forward_only BEFORE UPDATE ON head
    FOR EACH ROW EXECUTE FUNCTION forward_only();
