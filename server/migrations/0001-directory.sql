-- What the directory file can say: who exists, where they belong and what they sign in with.
-- Flags are 0 or 1, times are milliseconds since 1970, JSON is kept as the text that was given.
-- What stands in a comment that begins with "sqlite:" is part of the statement there: a table without row ids is one tree
-- instead of two.

CREATE TABLE organisations (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  account_name TEXT,
  parent_id TEXT REFERENCES organisations (id),
  is_active INTEGER NOT NULL,
  is_suspended INTEGER NOT NULL,
  is_paid INTEGER NOT NULL,
  settings TEXT
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX organisations_by_parent ON organisations (parent_id);

CREATE TABLE roles (
  name TEXT PRIMARY KEY,
  permissions TEXT NOT NULL,
  admin TEXT CHECK (admin IN ('global', 'group'))
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  first_name TEXT,
  last_name TEXT,
  avatar TEXT
) /* sqlite: WITHOUT ROWID */;

-- Numbers are handed out here, on both engines alike, and never twice.
CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;
INSERT INTO counters (name, value) VALUES ('account', 0), ('resource-code', 0);

-- epoch rises with every change that must end what was issued before it: sessions and tickets carry the epoch they
-- were made in and are dead in any other.
CREATE TABLE accounts (
  id TEXT PRIMARY KEY,
  number BIGINT NOT NULL UNIQUE,
  home_id TEXT REFERENCES organisations (id),
  user_id TEXT NOT NULL REFERENCES users (id),
  username TEXT,
  email TEXT,
  phone TEXT,
  password_hash TEXT,
  status TEXT NOT NULL CHECK (status IN ('active', 'inactive', 'deleted')),
  email_validated INTEGER NOT NULL,
  phone_validated INTEGER NOT NULL,
  created_at BIGINT NOT NULL,
  factor_email INTEGER NOT NULL,
  totp_sealed TEXT,
  totp_step BIGINT NOT NULL DEFAULT 0,
  recognise_devices INTEGER NOT NULL,
  role TEXT REFERENCES roles (name),
  stats TEXT NOT NULL,
  attributes TEXT NOT NULL,
  epoch BIGINT NOT NULL DEFAULT 1,
  sign_ins BIGINT NOT NULL DEFAULT 0,
  failed_sign_ins BIGINT NOT NULL DEFAULT 0,
  last_sign_in_at BIGINT
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX accounts_by_home ON accounts (home_id);
CREATE INDEX accounts_by_user ON accounts (user_id);

-- One row for each canonical form that names an account in a home ('' is the shared one). kinds is a set of bits:
-- 1 user name, 2 e-mail address, 4 phone number.
CREATE TABLE identifiers (
  home_key TEXT NOT NULL,
  canonical TEXT NOT NULL,
  account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  kinds INTEGER NOT NULL,
  PRIMARY KEY (home_key, canonical)
) /* sqlite: WITHOUT ROWID */;
-- It holds all that a look-up by identifier reads.
CREATE INDEX identifiers_by_canonical ON identifiers (canonical, kinds, account_id);
CREATE INDEX identifiers_by_account ON identifiers (account_id);

CREATE TABLE memberships (
  account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  organisation_id TEXT NOT NULL REFERENCES organisations (id),
  role TEXT NOT NULL REFERENCES roles (name),
  PRIMARY KEY (account_id, organisation_id, role)
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX memberships_by_organisation ON memberships (organisation_id);

CREATE TABLE devices (
  account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  fingerprint_hash TEXT NOT NULL,
  fingerprint_sealed TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, fingerprint_hash)
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE installations (
  id TEXT PRIMARY KEY,
  password_hash TEXT,
  account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
  status TEXT NOT NULL CHECK (status IN ('active', 'inactive', 'deleted')),
  epoch BIGINT NOT NULL DEFAULT 1
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX installations_by_account ON installations (account_id);

-- number keeps the order in which codes were loaded: nothing else about them can be sorted by.
CREATE TABLE resource_codes (
  number BIGINT NOT NULL UNIQUE,
  context TEXT NOT NULL,
  code_hash TEXT NOT NULL,
  code_sealed TEXT NOT NULL,
  expires_at BIGINT,
  max_uses BIGINT NOT NULL,
  uses BIGINT NOT NULL,
  revoked INTEGER NOT NULL,
  PRIMARY KEY (context, code_hash)
) /* sqlite: WITHOUT ROWID */;
