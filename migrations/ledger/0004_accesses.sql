-- Who read what: reads of personal data, and questions of auditors. Bounded, and only added to.

CREATE TABLE accesses (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor     text NOT NULL CHECK (length(actor) <= 300),
    operation text NOT NULL CHECK (length(operation) <= 100),
    subjects  text[] NOT NULL CHECK (cardinality(subjects) <= 1000),
    more      integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE accesses IS 'One row for each read: who asked, by which operation, about whom.';
COMMENT ON COLUMN accesses.more IS 'People beside those that are named, in a very long answer.';
CREATE INDEX accesses_by_subject ON accesses USING gin (subjects) WITH (fastupdate = on);
CREATE INDEX accesses_by_time ON accesses USING brin (at) WITH (autosummarize = on);

CREATE FUNCTION keep_accesses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < clock_timestamp() - interval '400 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the access log is append-only for 400 days: % is refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accesses
    FOR EACH ROW EXECUTE FUNCTION keep_accesses();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON accesses
    FOR EACH STATEMENT EXECUTE FUNCTION keep_accesses();
