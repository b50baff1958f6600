-- What is listed and exported in order is in the order of its bytes on both engines, whatever the database's locale is.
/* postgres: ALTER TABLE roles ALTER COLUMN name TYPE TEXT COLLATE "C";
ALTER TABLE memberships ALTER COLUMN role TYPE TEXT COLLATE "C";
ALTER TABLE installations ALTER COLUMN id TYPE TEXT COLLATE "C";
ALTER TABLE resource_servers ALTER COLUMN name TYPE TEXT COLLATE "C";
*/
