/** How subjects are called in results, where others ask for them. */
export const LATCHKEY = 'Latchkey, SQLite';
/** With the hashing of all the others. */
export const BETTER_AUTH = 'Better Auth, argon2id';
/** As it comes. */
export const BETTER_AUTH_DEFAULT = 'Better Auth, its default scrypt';
/** With sessions that a cookie remembers. */
export const BETTER_AUTH_CACHE = 'Better Auth, cookie cache';
/** The hand-written server. */
export const EXPRESS = 'Express 5 by hand';
/** The OpenID provider. */
export const OIDC_PROVIDER = 'oidc-provider';
/** The floor of password sign-ins. */
export const ARGON2_FLOOR = 'raw argon2id, all cores';
/** The floor of everything that does not hash. */
export const ECHO_FLOOR = 'bare Fastify echo';
/** The floor of checking tokens. */
export const JOSE_FLOOR = 'jose’s jwtVerify';
