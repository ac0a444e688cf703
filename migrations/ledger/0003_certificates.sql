-- Certificates of erasure: what was signed about each, once its keys were destroyed.

CREATE TABLE certificates (
    epoch     bigint NOT NULL,
    position  bigint NOT NULL,
    final     boolean NOT NULL,
    note      text NOT NULL CHECK (length(note) <= 10000),
    issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (epoch, position, final)
);
COMMENT ON TABLE certificates IS 'Signed notes: that an erasure was carried out, and that it is final.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON certificates
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
