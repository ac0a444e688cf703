-- Erasing: how far the vault has followed the log, what it destroyed, and which epoch keys are left.

ALTER TABLE epoch_keys
    ADD COLUMN retired_at timestamptz,
    ADD COLUMN destroyed_at timestamptz,
    ADD COLUMN destroyed_position bigint,
    ADD CHECK (destroyed_at IS NULL OR retired_at IS NOT NULL);
COMMENT ON COLUMN epoch_keys.retired_at IS 'From then on it wraps nothing any more';
COMMENT ON COLUMN epoch_keys.destroyed_at IS 'From then on no copy of what it wrapped opens';
COMMENT ON COLUMN epoch_keys.destroyed_position IS 'The event of this ledger that says so';

CREATE TABLE followed (
    single   boolean PRIMARY KEY DEFAULT true CHECK (single),
    epoch    bigint NOT NULL DEFAULT 0,
    position bigint NOT NULL DEFAULT 0
);
INSERT INTO followed DEFAULT VALUES;
COMMENT ON TABLE followed IS
    'Up to where the erasures of the log are applied here. It goes back with a backup of the vault, '
    'and they are applied again.';

CREATE TABLE erased (
    epoch        bigint NOT NULL,
    position     bigint NOT NULL,
    subject      text NOT NULL CHECK (length(subject) <= 200),
    applied_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    keys         bigint NOT NULL,
    digests      bigint NOT NULL,
    epoch_keys   text[] NOT NULL,
    settled      boolean NOT NULL DEFAULT false,
    final_at     timestamptz,
    certificates smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (epoch, position)
);
CREATE INDEX erased_by_subject ON erased (subject);
CREATE INDEX erased_unsettled ON erased (applied_at) WHERE NOT settled;
CREATE INDEX erased_uncertified ON erased (position)
    WHERE certificates = 0 OR (certificates = 1 AND final_at IS NOT NULL);
COMMENT ON TABLE erased IS 'Each erasure of the log, as it was applied';
COMMENT ON COLUMN erased.epoch_keys IS 'Epoch keys that may have wrapped a key that was destroyed';
COMMENT ON COLUMN erased.settled IS 'Looked at again, after whoever was writing meanwhile has ended';
COMMENT ON COLUMN erased.certificates IS '1: the first was issued; 2: the final one too';

CREATE TABLE restricted (
    subject text PRIMARY KEY CHECK (length(subject) <= 200)
);
COMMENT ON TABLE restricted IS
    'Whose values are opened only for who answers for the data; follows the log, as erasures do';

-- Whoever still holds an epoch key that was retired meanwhile must not wrap anything by it.
CREATE FUNCTION refuse_retired_keys() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    refused boolean;
BEGIN
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM %I.epoch_keys e WHERE e.retired_at IS NOT NULL'
        ' AND e.id IN (SELECT epoch_key_id FROM made WHERE wrapped_key IS NOT NULL))',
        TG_TABLE_SCHEMA) INTO refused;
    IF refused THEN
        RAISE EXCEPTION 'this epoch key was retired: read the key file again'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER subject_keys_of_today AFTER INSERT ON subject_keys
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION refuse_retired_keys();
CREATE TRIGGER digest_keys_of_today AFTER INSERT ON digest_keys
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION refuse_retired_keys();
