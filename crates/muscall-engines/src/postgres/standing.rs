//! What others have made of a table: grants and comments, which a new table is given, and views, keys, triggers and
//! policies, for which the table itself must stay.

use ::postgres::Transaction;

use super::failed::failed;
use crate::EngineError;

/// Whether something depends on the table that would not follow a new one of its name.
const HAS_DEPENDENTS: &str = "
    WITH own AS (SELECT to_regclass($1::text)::oid AS id)
    SELECT EXISTS (SELECT FROM pg_depend, own
                   WHERE refclassid = 'pg_class'::regclass AND refobjid = own.id AND deptype = 'n')
        OR EXISTS (SELECT FROM pg_policy, own WHERE polrelid = own.id)
        OR EXISTS (SELECT FROM pg_trigger, own WHERE tgrelid = own.id AND NOT tgisinternal)
        OR EXISTS (SELECT FROM pg_publication_rel, own WHERE prrelid = own.id)";

/// Statements that give a second table the owner, the grants, and the comments on columns of the first.
const STATEMENTS: &str = "
    WITH own AS (SELECT * FROM pg_class WHERE oid = to_regclass($1::text)),
    granted AS (
        SELECT acl.*, NULL::name AS attname FROM own, aclexplode(relacl) AS acl
        UNION ALL
        SELECT acl.*, attname FROM own JOIN pg_attribute ON attrelid = own.oid, aclexplode(attacl) AS acl
        WHERE attname IN ('id', 'path', 'start_s', 'vector'))
    SELECT format('GRANT %s %s ON %I TO %s%s', privilege_type, CASE WHEN attname IS NULL THEN '' ELSE format('(%I)', attname) END,
                  $2::text, CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                  CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM granted, own WHERE grantee <> relowner
    UNION ALL
    SELECT format('COMMENT ON COLUMN %I.%I IS %L', $2::text, attname, col_description(own.oid, attnum))
    FROM own JOIN pg_attribute ON attrelid = own.oid
    WHERE attname IN ('id', 'path', 'start_s', 'vector') AND col_description(own.oid, attnum) IS NOT NULL
    UNION ALL
    SELECT format('ALTER TABLE %I OWNER TO %I', $2::text, pg_get_userbyid(relowner))
    FROM own WHERE pg_get_userbyid(relowner) <> current_user";

/// Whether a table must stay, since something depends on it.
pub(super) fn has_dependents(all: &mut Transaction<'_>, table: &str) -> Result<bool, EngineError> {
    let found = all.query_one(HAS_DEPENDENTS, &[&format!("\"{table}\"")]).and_then(|row| row.try_get(0));
    found.map_err(failed("looking for what depends on the table"))
}

/// Gives `new` what others may do with `table`, and have said of its columns.
pub(super) fn give(all: &mut Transaction<'_>, table: &str, new: &str) -> Result<(), EngineError> {
    let doing = "giving the new table the grants of the old one";
    let statements = all.query(STATEMENTS, &[&format!("\"{table}\""), &new]).map_err(failed(doing))?;
    for statement in statements {
        all.batch_execute(statement.get(0)).map_err(failed(doing))?;
    }
    Ok(())
}
