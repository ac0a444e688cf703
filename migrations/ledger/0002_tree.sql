-- The tree over the log: what lets anybody check that nothing was changed, removed or slipped in.

CREATE TABLE tiles (
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 63),
    index bigint NOT NULL CHECK (index >= 0),
    hashes bytea NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0),
    PRIMARY KEY (level, index)
);
ALTER TABLE tiles ALTER hashes SET STORAGE EXTERNAL;
COMMENT ON TABLE tiles IS
    'The hashes of an RFC 6962 tree over the entries, 256 side by side; the last of a level grows.';

CREATE TABLE checkpoints (
    epoch bigint NOT NULL,
    size bigint NOT NULL CHECK (size > 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    note text NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (epoch, size)
);
COMMENT ON TABLE checkpoints IS 'Every signed root, as a note; each one continues the one before.';

CREATE TABLE cosignatures (
    epoch bigint NOT NULL,
    size bigint NOT NULL,
    line text NOT NULL,
    PRIMARY KEY (epoch, size, line),
    FOREIGN KEY (epoch, size) REFERENCES checkpoints
);
COMMENT ON TABLE cosignatures IS 'What outside witnesses have signed, as signature lines of notes.';

CREATE TABLE log_keys (
    vkey text PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE log_keys IS
    'The public keys that signed. Who checks the log has them from elsewhere, and compares.';

CREATE FUNCTION grow_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.level <> OLD.level OR NEW.index <> OLD.index
        OR substring(NEW.hashes FOR length(OLD.hashes)) <> OLD.hashes
    THEN
        RAISE EXCEPTION 'a tile of the tree only grows' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER grow_only BEFORE UPDATE ON tiles
    FOR EACH ROW EXECUTE FUNCTION grow_only();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON tiles
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cosignatures
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_keys
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
