/** How subjects are called in results, where others ask for them. */
export const LATCHKEY = 'Latchkey, SQLite';
/** With the hashing of all the others. */
export const BETTER_AUTH = 'Better Auth, argon2id';
/** With no more threads that hash than there are processors, which its documents do not ask for. */
export const BETTER_AUTH_FEW_THREADS = 'Better Auth, argon2id, a pool thread for each core';
/** As it comes. */
export const BETTER_AUTH_DEFAULT = 'Better Auth, its default scrypt';
/** With sessions that a cookie remembers. */
export const BETTER_AUTH_CACHE = 'Better Auth, cookie cache';
/** The hand-written server, whose session check reads nothing. */
export const EXPRESS = 'Express 5 by hand';
/** The same, whose session check knows of ended sessions. */
export const EXPRESS_LOOKUP = 'Express 5 by hand, asking its database';
/** The same with the build of argon2id that Latchkey has. */
export const EXPRESS_NODE_RS = 'Express 5 by hand, @node-rs/argon2';
/** The OpenID provider. */
export const OIDC_PROVIDER = 'oidc-provider';
/** The floor of password sign-ins. */
export const ARGON2_FLOOR = 'raw argon2id, all cores';
/** The floor of everything that does not hash. */
export const ECHO_FLOOR = 'bare Fastify echo';
/** The floor of checking tokens. */
export const JOSE_FLOOR = 'jose’s jwtVerify';
