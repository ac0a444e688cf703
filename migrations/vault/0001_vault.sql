-- The vault of one ledger: what opens its sealed values, and what recognises people.
--
-- Run with search_path set to the vault's schema, `vault_<ledger>`. Nothing here is readable by
-- itself: subject keys and the digest key are wrapped by an epoch key that PostgreSQL never sees,
-- and look-up digests are keyed hashes. Subjects are opaque ids (`member:m_...`).

CREATE TABLE epoch_keys (
    id            text PRIMARY KEY CHECK (length(id) <= 64),
    first_used_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE epoch_keys IS 'Names of the epoch keys that ever wrapped a key here, not the keys';

CREATE TABLE subject_keys (
    subject      text PRIMARY KEY CHECK (length(subject) <= 200),
    wrapped_key  bytea,
    epoch_key_id text NOT NULL REFERENCES epoch_keys (id),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_at    timestamptz,
    CHECK ((wrapped_key IS NULL) = (erased_at IS NOT NULL))
);
COMMENT ON TABLE subject_keys IS 'One key per data subject; an erased one stays as a row without key';
COMMENT ON COLUMN subject_keys.epoch_key_id IS
    'Wrapped the key. After an erasure: whose destruction makes the erasure final';

CREATE TABLE digest_keys (
    number       integer PRIMARY KEY,
    wrapped_key  bytea NOT NULL,
    epoch_key_id text NOT NULL REFERENCES epoch_keys (id),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE digest_keys IS 'What the look-up digests are keyed with; the highest number is used';

CREATE TABLE digests (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    id     text NOT NULL UNIQUE CHECK (length(id) <= 128)
);
COMMENT ON TABLE digests IS 'The one random id for values that recognise somebody or something';

CREATE TABLE digest_subjects (
    digest  bytea NOT NULL REFERENCES digests (digest) ON DELETE CASCADE,
    subject text NOT NULL,
    PRIMARY KEY (subject, digest)
);
CREATE INDEX digest_subjects_by_digest ON digest_subjects (digest);
COMMENT ON TABLE digest_subjects IS 'Whom a digest recognises; it goes when the last one is erased';

-- Other processes look here, at most a second apart, before they trust the keys they remember.
CREATE TABLE erasures (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    number bigint NOT NULL DEFAULT 0
);
INSERT INTO erasures DEFAULT VALUES;

CREATE FUNCTION refuse_return_of_the_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'rows of % are never removed: the key could be made again', TG_TABLE_NAME;
    END IF;
    IF OLD.erased_at IS NOT NULL OR NEW.subject <> OLD.subject THEN
        RAISE EXCEPTION 'an erased subject stays erased';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER subject_keys_stay_erased BEFORE UPDATE OR DELETE ON subject_keys
    FOR EACH ROW EXECUTE FUNCTION refuse_return_of_the_erased();
CREATE TRIGGER subject_keys_are_kept BEFORE TRUNCATE ON subject_keys
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_return_of_the_erased();
