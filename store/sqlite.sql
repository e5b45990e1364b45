CREATE TABLE absence (
    source TEXT NOT NULL,
    item TEXT NOT NULL,
    gone_at BIGINT NOT NULL,
    why TEXT NOT NULL,
    back_at BIGINT,
    CONSTRAINT pk_absence PRIMARY KEY (source, item, gone_at)
);

CREATE TABLE arrival (
    source TEXT NOT NULL,
    item TEXT NOT NULL,
    CONSTRAINT pk_arrival PRIMARY KEY (source, item)
);

CREATE TABLE config_file (
    name TEXT NOT NULL,
    main BOOLEAN NOT NULL,
    document TEXT,
    hash TEXT,
    wrong_since BIGINT,
    CONSTRAINT pk_config_file PRIMARY KEY (name)
);

CREATE TABLE dressed (
    source TEXT NOT NULL,
    item TEXT NOT NULL,
    terms TEXT NOT NULL,
    CONSTRAINT pk_dressed PRIMARY KEY (source, item)
)
WITHOUT ROWID;

CREATE TABLE evidence (
    key_result TEXT NOT NULL,
    part INTEGER NOT NULL,
    source TEXT NOT NULL,
    item TEXT NOT NULL,
    version TEXT NOT NULL,
    weight BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    CONSTRAINT pk_evidence PRIMARY KEY (key_result, part, source, item)
);

CREATE INDEX ix_evidence_item ON evidence (source, item);

CREATE TABLE facet (
    term BIGINT NOT NULL,
    item TEXT NOT NULL,
    kind SMALLINT NOT NULL,
    state SMALLINT NOT NULL,
    closed BIGINT,
    seen BIGINT,
    created BIGINT,
    number BIGINT,
    marks BIGINT NOT NULL,
    CONSTRAINT pk_facet PRIMARY KEY (term, item)
)
WITHOUT ROWID;

CREATE TABLE faceted (
    source TEXT NOT NULL,
    version INTEGER NOT NULL,
    generation BIGINT NOT NULL,
    asked TEXT NOT NULL,
    called TEXT NOT NULL,
    build TEXT NOT NULL,
    built BIGINT,
    CONSTRAINT pk_faceted PRIMARY KEY (source)
);

CREATE TABLE family (
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    deep BOOLEAN NOT NULL,
    above TEXT NOT NULL,
    items INTEGER NOT NULL,
    examples TEXT NOT NULL,
    error TEXT,
    asked_at BIGINT,
    tried_at BIGINT,
    containers TEXT NOT NULL,
    CONSTRAINT pk_family PRIMARY KEY (source, name, deep)
);

CREATE TABLE final (
    key_result TEXT NOT NULL,
    cycle TEXT NOT NULL,
    value BIGINT,
    grade BIGINT NOT NULL,
    at BIGINT NOT NULL,
    head TEXT NOT NULL,
    seq BIGINT NOT NULL,
    CONSTRAINT pk_final PRIMARY KEY (key_result)
);

CREATE TABLE forgotten (
    source TEXT NOT NULL,
    item TEXT NOT NULL,
    CONSTRAINT pk_forgotten PRIMARY KEY (source, item)
);

CREATE TABLE forgotten_name (
    digest TEXT NOT NULL,
    CONSTRAINT pk_forgotten_name PRIMARY KEY (digest)
);

CREATE TABLE former_key (
    source TEXT NOT NULL,
    "key" TEXT NOT NULL,
    item TEXT NOT NULL,
    changed BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_former_key PRIMARY KEY (source, "key")
);

CREATE TABLE frozen_scope (
    key_result TEXT NOT NULL,
    scope TEXT NOT NULL,
    items TEXT NOT NULL,
    CONSTRAINT pk_frozen_scope PRIMARY KEY (key_result, scope)
);

CREATE TABLE handshake (
    ticket TEXT NOT NULL,
    source TEXT NOT NULL,
    until BIGINT NOT NULL,
    CONSTRAINT pk_handshake PRIMARY KEY (ticket)
);

CREATE TABLE hold (
    key_result TEXT NOT NULL,
    id TEXT NOT NULL,
    old BIGINT,
    new BIGINT,
    reason TEXT NOT NULL,
    proposal TEXT NOT NULL,
    since BIGINT NOT NULL,
    rejected BOOLEAN NOT NULL,
    CONSTRAINT pk_hold PRIMARY KEY (key_result),
    CONSTRAINT uq_hold UNIQUE (id)
);

CREATE TABLE incoming (
    source TEXT NOT NULL,
    container TEXT NOT NULL,
    id TEXT NOT NULL,
    "key" TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    status TEXT,
    resolution TEXT,
    children INTEGER NOT NULL,
    updated_at BIGINT,
    hash TEXT NOT NULL,
    payload TEXT NOT NULL,
    CONSTRAINT pk_incoming PRIMARY KEY (source, container, id)
);

CREATE TABLE item (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    "key" TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    status TEXT,
    resolution TEXT,
    children INTEGER NOT NULL,
    updated_at BIGINT,
    hash TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    state_since BIGINT NOT NULL,
    gone TEXT,
    gone_at BIGINT,
    changed BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_item PRIMARY KEY (source, id)
);

CREATE INDEX ix_item_changed ON item (source, changed);

CREATE INDEX ix_item_key ON item ("key");

CREATE TABLE item_version (
    source TEXT NOT NULL,
    item TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    hash TEXT NOT NULL,
    payload TEXT NOT NULL,
    CONSTRAINT pk_item_version PRIMARY KEY (source, item, seen_at)
);

CREATE TABLE key_result (
    id TEXT NOT NULL,
    value BIGINT,
    seq BIGINT NOT NULL,
    rule TEXT NOT NULL,
    terms TEXT NOT NULL,
    measured_at BIGINT NOT NULL,
    moved_at BIGINT NOT NULL,
    generations TEXT NOT NULL,
    retired BOOLEAN NOT NULL,
    totals TEXT DEFAULT '[]' NOT NULL,
    CONSTRAINT pk_key_result PRIMARY KEY (id)
);

CREATE TABLE ledger_entry (
    seq BIGINT NOT NULL,
    key_result TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    old BIGINT,
    new BIGINT,
    run TEXT,
    rule TEXT,
    "by" TEXT,
    why TEXT,
    details TEXT,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT pk_ledger_entry PRIMARY KEY (seq)
);

CREATE INDEX ix_ledger_entry_checkin ON ledger_entry (key_result, seq) WHERE kind = 'checkin';

CREATE INDEX ix_ledger_entry_key_result ON ledger_entry (key_result, seq);

CREATE INDEX ix_ledger_entry_target ON ledger_entry (seq) WHERE kind = 'target';

CREATE TABLE ledger_head (
    id INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT pk_ledger_head PRIMARY KEY (id),
    CONSTRAINT ck_ledger_head_single CHECK (id = 1)
);

CREATE TABLE override (
    key_result TEXT NOT NULL,
    value BIGINT NOT NULL,
    why TEXT NOT NULL,
    "by" TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT,
    seq BIGINT NOT NULL,
    CONSTRAINT pk_override PRIMARY KEY (key_result)
);

CREATE TABLE person (
    id TEXT NOT NULL,
    name TEXT,
    CONSTRAINT pk_person PRIMARY KEY (id),
    CONSTRAINT uq_person UNIQUE (name)
);

CREATE TABLE presence (
    source TEXT NOT NULL,
    container TEXT NOT NULL,
    item TEXT NOT NULL,
    misses INTEGER NOT NULL,
    looked_at BIGINT,
    CONSTRAINT pk_presence PRIMARY KEY (source, container, item)
);

CREATE INDEX ix_presence_item ON presence (source, item);

CREATE TABLE "query" (
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    read_at BIGINT,
    error TEXT,
    refused BOOLEAN DEFAULT 0 NOT NULL,
    CONSTRAINT pk_query PRIMARY KEY (source, name)
);

CREATE TABLE roll (
    source TEXT NOT NULL,
    container TEXT NOT NULL,
    id TEXT NOT NULL,
    "key" TEXT NOT NULL,
    CONSTRAINT pk_roll PRIMARY KEY (source, container, id)
);

CREATE TABLE rule (
    hash TEXT NOT NULL,
    text TEXT NOT NULL,
    CONSTRAINT pk_rule PRIMARY KEY (hash)
);

CREATE TABLE run (
    id TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    version TEXT NOT NULL,
    CONSTRAINT pk_run PRIMARY KEY (id)
);

CREATE TABLE schedule (
    source TEXT NOT NULL,
    due BIGINT,
    failures INTEGER NOT NULL,
    not_before BIGINT,
    CONSTRAINT pk_schedule PRIMARY KEY (source)
);

CREATE TABLE source (
    name TEXT NOT NULL,
    generation BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    lease_holder TEXT,
    lease_until BIGINT,
    last_success BIGINT,
    last_attempt BIGINT,
    state TEXT NOT NULL,
    error TEXT,
    CONSTRAINT pk_source PRIMARY KEY (name)
);

CREATE TABLE term (
    id INTEGER NOT NULL,
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    items BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_term PRIMARY KEY (id),
    CONSTRAINT uq_term UNIQUE (source, name, value)
);

CREATE TABLE container (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    called TEXT NOT NULL,
    watermark BIGINT,
    read_at BIGINT,
    demand TEXT NOT NULL,
    error TEXT,
    wide_at BIGINT,
    census_at BIGINT,
    full_at BIGINT,
    memo TEXT DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_container PRIMARY KEY (source, id),
    CONSTRAINT fk_container_source FOREIGN KEY(source) REFERENCES source (name)
);

CREATE TABLE ledger_delta (
    seq BIGINT NOT NULL,
    place INTEGER NOT NULL,
    part INTEGER NOT NULL,
    source TEXT NOT NULL,
    item TEXT NOT NULL,
    version TEXT NOT NULL,
    old_weight BIGINT,
    old_amount BIGINT,
    new_weight BIGINT,
    new_amount BIGINT,
    cause TEXT NOT NULL,
    delta BIGINT NOT NULL,
    CONSTRAINT pk_ledger_delta PRIMARY KEY (seq, place),
    CONSTRAINT fk_ledger_delta_entry FOREIGN KEY(seq) REFERENCES ledger_entry (seq)
);

CREATE TABLE query_hit (
    source TEXT NOT NULL,
    "query" TEXT NOT NULL,
    item TEXT NOT NULL,
    CONSTRAINT pk_query_hit PRIMARY KEY (source, "query", item),
    CONSTRAINT fk_query_hit_query FOREIGN KEY(source, "query") REFERENCES "query" (source, name)
);

CREATE TABLE run_source (
    source TEXT NOT NULL,
    run TEXT NOT NULL,
    connector TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT,
    ended_at BIGINT,
    CONSTRAINT pk_run_source PRIMARY KEY (source, run),
    CONSTRAINT fk_run_source_run FOREIGN KEY(run) REFERENCES run (id)
);
