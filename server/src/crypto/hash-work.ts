/**
 * The most work that one argon2 hash may ask for, in KiB of memory times passes: about a second. Apart from what hashes, so that
 * whoever only reads the configuration need not load that.
 */
export const ARGON2_WORK_KIB_LIMIT = 1024 * 1024;
