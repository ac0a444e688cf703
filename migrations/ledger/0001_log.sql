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

-- Wide columns first, so that none is padded.
CREATE TABLE entries (
    position bigint PRIMARY KEY WITH (fillfactor = 100),
    time timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    type smallint NOT NULL,
    entry bytea NOT NULL CHECK (octet_length(entry) <= 65535)
) PARTITION BY RANGE (position);
COMMENT ON TABLE entries IS 'The events, as the exact bytes that are hashed and exported.';
CREATE INDEX entries_by_type ON entries (type, position);
CREATE INDEX entries_by_time ON entries USING brin (time)
    WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE partitioning (
    sole boolean PRIMARY KEY DEFAULT true CHECK (sole),
    positions bigint NOT NULL CHECK (positions > 0),
    last bigint NOT NULL DEFAULT 0
);
COMMENT ON COLUMN partitioning.positions IS 'How many positions the next partition of entries gets.';
COMMENT ON COLUMN partitioning.last IS 'The last position that has a partition.';
INSERT INTO partitioning (positions) VALUES (
    coalesce(nullif(current_setting('filrouge.partition_positions', true), ''), '10000000')::bigint
);

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
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON partitioning
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

-- Called with the head locked, so one at a time; it runs as the owner, since only an owner may
-- attach. CREATE and ATTACH hold back neither readers nor writers, as PARTITION OF would.
CREATE FUNCTION make_room(needed bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    room partitioning;
    name text;
BEGIN
    PERFORM FROM head FOR UPDATE;
    SELECT * INTO room FROM partitioning;
    WHILE room.last < needed + room.positions LOOP
        IF room.last >= needed THEN
            BEGIN
                LOCK TABLE entries IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;
            EXCEPTION WHEN lock_not_available THEN
                RETURN needed;  -- somebody maintains the table, and there is time
            END;
        END IF;
        name := format('entries_from_%s', room.last + 1);
        EXECUTE format('CREATE TABLE %I (LIKE entries INCLUDING CONSTRAINTS)', name);
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format(
            'ALTER TABLE entries ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
            name, room.last + 1, room.last + room.positions + 1);
        room.last := room.last + room.positions;
        UPDATE partitioning SET last = room.last;
    END LOOP;
    RETURN room.last - room.positions;
END $$;
COMMENT ON FUNCTION make_room IS
    'Partitions up to a position and one ahead; returns up to where nobody need ask again.';
REVOKE ALL ON FUNCTION make_room FROM PUBLIC;
DO $$
BEGIN
    -- The role may create in this schema: its search path must not find another head than ours.
    EXECUTE format(
        'ALTER FUNCTION make_room SET search_path = %I, pg_temp', current_schema());
END $$;
SELECT make_room(1);
