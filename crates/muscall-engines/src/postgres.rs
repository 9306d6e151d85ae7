//! Postgres with the extension pgvector: a table that is replaced at once, and a graph over it.
//!
//! Columns: `id` bigint, the primary key; `path` text; `start_s` real; `vector` vector(dim). The table's
//! comment names the model, and tells our tables from those of others.

mod failed;
mod standing;

use ::postgres::binary_copy::BinaryCopyInWriter;
use ::postgres::error::SqlState;
use ::postgres::types::Type;
use ::postgres::{Client, NoTls, Transaction};
use muscall_retrieval::Fingerprint;
use pgvector::Vector;

use self::failed::failed;
use crate::search::check_name;
use crate::{EngineError, EngineHit, Hnsw, Pushed, Rows, Search, rows};

/// Longest name of a table; Postgres takes 63 bytes, and the indices add to it.
const NAME: usize = 50;
/// Vectors up to here lie in the row itself, so that a scan need not fetch them from elsewhere.
const INLINE: usize = 1024;

/// A connection and the table that it works on. Calls block, and must not be made inside of an
/// asynchronous runtime.
pub struct Postgres {
    client: Client,
    table: String,
}

impl Postgres {
    /// Connects without TLS by a URL such as `postgresql://user@localhost/music`, for a table that need
    /// not be there yet.
    ///
    /// # Errors
    /// [`EngineError::Postgres`], or [`EngineError::Name`] for a table that cannot be.
    pub fn connect(url: &str, table: &str) -> Result<Self, EngineError> {
        check_name(table, NAME)?;
        Self::with_client(Client::connect(url, NoTls).map_err(failed("connecting"))?, table)
    }

    /// Works by a connection that was made elsewhere, with TLS for one.
    ///
    /// # Errors
    /// [`EngineError::Name`] for a table that cannot be.
    pub fn with_client(client: Client, table: &str) -> Result<Self, EngineError> {
        check_name(table, NAME)?;
        Ok(Self { client, table: table.to_owned() })
    }

    /// Fills the table with the rows, and builds a graph if one is wanted; gives their number.
    ///
    /// All is one transaction: searches see the old table until the new one is whole, and an end in the
    /// middle leaves the old one. A second push to the table waits for the first.
    ///
    /// Grants and comments on columns stay. The new table takes the name of the old one, unless something depends on that
    /// (views, keys of other tables, triggers, policies, publications): then the old one stays, and its rows are brought up to
    /// date by their ids, which takes longer, since a graph takes them one by one and stays as it was made, and leaves the
    /// space of the old rows to `VACUUM`. What a key of another table does when an id goes is up to that table.
    ///
    /// # Errors
    /// [`EngineError::Postgres`]; [`EngineError::Foreign`] if a table of that name is not ours;
    /// [`EngineError::Depended`] if something depends on one of another dimension; or rows that do not fit.
    pub fn push(&mut self, source: &dyn Rows, hnsw: Option<Hnsw>) -> Result<u64, EngineError> {
        rows::check(source)?;
        check_limits(source.dim(), hnsw)?;
        let (table, dim) = (&self.table, source.dim());
        let new = format!("{table}_new");
        extension(&mut self.client)?;
        let mut all = self.client.transaction().map_err(failed("beginning"))?;
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended('muscall:' || $1::text, 0))";
        all.execute(lock, &[table]).map_err(failed("waiting for another push"))?;
        let mut stays = false;
        if is_there(&mut all, table)? {
            let old = described(&mut all, table)?.ok_or_else(|| EngineError::Foreign { place: table.clone() })?;
            stays = standing::has_dependents(&mut all, table)?;
            if stays && old.dim != dim {
                return Err(EngineError::Depended { place: table.clone(), expected: old.dim, found: dim });
            }
        }
        // A name that the new table has until it is whole.
        if is_there(&mut all, &new)? {
            return Err(EngineError::Foreign { place: new });
        }

        let storage = if dim <= INLINE { "PLAIN" } else { "EXTERNAL" };
        let create = format!(
            "CREATE TABLE \"{new}\" (id bigint NOT NULL, path text NOT NULL, start_s real NOT NULL, \
             vector vector({dim}) NOT NULL); ALTER TABLE \"{new}\" ALTER vector SET STORAGE {storage}"
        );
        all.batch_execute(&create).map_err(failed("making the new table"))?;
        let count = copy(&mut all, &new, source)?;

        let key = format!("ALTER TABLE \"{new}\" ADD CONSTRAINT \"{new}_pkey\" PRIMARY KEY (id)");
        all.batch_execute(&key).map_err(|error| match error.code() {
            Some(&SqlState::UNIQUE_VIOLATION) => EngineError::DuplicateId { place: table.clone(), id: None },
            _ => failed("indexing the ids")(error),
        })?;
        let pushed = Pushed { fingerprint: source.fingerprint().to_owned(), dim, rows: count };
        if stays {
            put_rows(&mut all, (table, &new), hnsw, &pushed)?;
        } else {
            put_table(&mut all, (table, &new), hnsw, &pushed)?;
        }
        all.commit().map_err(failed("committing"))?;
        if stays {
            // Whoever may not do that leaves it to the server.
            let _ = self.client.batch_execute(&format!("VACUUM \"{table}\""));
        }
        Ok(count)
    }

    /// What the table holds.
    ///
    /// # Errors
    /// [`EngineError::Postgres`]; [`EngineError::Missing`] or [`EngineError::Foreign`] if it is not ours.
    pub fn pushed(&mut self) -> Result<Pushed, EngineError> {
        let mut all = self.client.transaction().map_err(failed("beginning"))?;
        open(&mut all, &self.table)
    }

    /// The `k` rows most similar to a query of the model, best first. The rows may have been pushed under a former name
    /// of the model's space.
    ///
    /// # Errors
    /// [`EngineError::Fingerprint`] for another model, [`EngineError::Limit`] for an `ef` or a `k` above
    /// 1,000 in an approximate search, and those of [`Self::pushed`].
    pub fn search(
        &mut self,
        space: impl Into<Fingerprint>,
        query: &[f32],
        k: usize,
        how: Search,
    ) -> Result<Vec<EngineHit>, EngineError> {
        let (settings, then) = match how {
            Search::Exact => ("SET LOCAL enable_indexscan = off".to_owned(), ", id"),
            Search::Approximate { ef } => {
                limit("ef", u64::from(ef).max(k as u64), 1, 1000)?;
                (format!("SET LOCAL hnsw.ef_search = {}", (ef as usize).max(k)), "")
            }
        };
        let mut all = self.client.transaction().map_err(failed("beginning"))?;
        open(&mut all, &self.table)?.check(&self.table, &space.into(), query)?;
        all.batch_execute(&settings).map_err(failed("setting up the search"))?;
        let select = format!(
            "SELECT id, path, start_s, -(vector <#> $1) FROM \"{}\" ORDER BY vector <#> $1{then} LIMIT {k}",
            self.table
        );
        let found = all.query(&select, &[&Vector::from(query.to_vec())]).map_err(failed("searching"))?;
        let hits = found.iter().map(|row| {
            let (id, score): (i64, f64) = (row.try_get(0)?, row.try_get(3)?);
            Ok(EngineHit {
                id: id.cast_unsigned(),
                path: row.try_get(1)?,
                start_s: row.try_get(2)?,
                score: score as f32,
            })
        });
        let hits = hits.collect::<Result<_, _>>().map_err(failed("reading the hits"))?;
        all.commit().map_err(failed("committing"))?;
        Ok(hits)
    }
}

/// Gives the new table the name of the old one, and what others have made of that.
fn put_table(
    all: &mut Transaction<'_>,
    (table, new): (&str, &str),
    hnsw: Option<Hnsw>,
    pushed: &Pushed,
) -> Result<(), EngineError> {
    if let Some(hnsw) = hnsw {
        all.batch_execute(&graph(new, hnsw)).map_err(failed("building the graph"))?;
    }
    standing::give(all, table, new)?;
    comment(all, new, pushed)?;
    let swap = format!(
        "ANALYZE \"{new}\"; DROP TABLE IF EXISTS \"{table}\"; ALTER TABLE \"{new}\" RENAME TO \"{table}\"; \
         ALTER INDEX \"{new}_pkey\" RENAME TO \"{table}_pkey\"; \
         ALTER INDEX IF EXISTS \"{new}_hnsw\" RENAME TO \"{table}_hnsw\""
    );
    all.batch_execute(&swap).map_err(failed("putting the new table in its place"))
}

/// Gives the old table the rows of the new one. Searches see the old ones until the end, when they
/// wait for a moment, so that none sees the rows of one model and the name of the other.
fn put_rows(
    all: &mut Transaction<'_>,
    (table, new): (&str, &str),
    hnsw: Option<Hnsw>,
    pushed: &Pushed,
) -> Result<(), EngineError> {
    let rows = format!(
        "INSERT INTO \"{table}\" (id, path, start_s, vector) SELECT id, path, start_s, vector FROM \"{new}\" ORDER BY id \
         ON CONFLICT (id) DO UPDATE SET path = EXCLUDED.path, start_s = EXCLUDED.start_s, vector = EXCLUDED.vector; \
         DELETE FROM \"{table}\" AS old WHERE NOT EXISTS (SELECT FROM \"{new}\" AS new WHERE new.id = old.id); \
         DROP TABLE \"{new}\""
    );
    all.batch_execute(&rows).map_err(failed("replacing the rows"))?;
    if let Some(hnsw) = hnsw {
        all.batch_execute(&graph(table, hnsw)).map_err(failed("building the graph"))?;
    }
    all.batch_execute(&format!("ANALYZE \"{table}\"; LOCK TABLE \"{table}\""))
        .map_err(failed("waiting for searches"))?;
    if hnsw.is_none() {
        all.batch_execute(&format!("DROP INDEX IF EXISTS \"{table}_hnsw\"")).map_err(failed("removing the graph"))?;
    }
    comment(all, table, pushed)
}

/// Builds a graph over a table, unless it has one.
fn graph(table: &str, Hnsw { m, ef_construction }: Hnsw) -> String {
    format!(
        "CREATE INDEX IF NOT EXISTS \"{table}_hnsw\" ON \"{table}\" USING hnsw (vector vector_ip_ops) \
         WITH (m = {m}, ef_construction = {ef_construction})"
    )
}

/// Says what a table holds.
fn comment(all: &mut Transaction<'_>, table: &str, pushed: &Pushed) -> Result<(), EngineError> {
    let comment = "SELECT format('COMMENT ON TABLE %I IS %L', $1::text, $2::text)";
    let comment = all.query_one(comment, &[&table, &comment_of(pushed)]);
    let run = comment.and_then(|comment| all.batch_execute(comment.get(0)));
    run.map_err(failed("naming the model"))
}

/// Makes sure of pgvector; where two connections make it at once, the second finds it made.
fn extension(client: &mut Client) -> Result<(), EngineError> {
    match client.batch_execute("CREATE EXTENSION IF NOT EXISTS vector") {
        Err(error) if error.code() != Some(&SqlState::UNIQUE_VIOLATION) => {
            Err(failed("making the extension vector")(error))
        }
        _ => Ok(()),
    }
}

/// Sends the rows in Postgres's binary form; frozen, as nobody else sees the table yet.
fn copy(all: &mut Transaction<'_>, new: &str, source: &dyn Rows) -> Result<u64, EngineError> {
    let doing = "copying the rows";
    let vector =
        all.prepare(&format!("SELECT vector FROM \"{new}\"")).map_err(failed(doing))?.columns()[0].type_().clone();
    let to = format!("COPY \"{new}\" (id, path, start_s, vector) FROM STDIN (FORMAT binary, FREEZE)");
    let writer = all.copy_in(&to).map_err(failed(doing))?;
    let mut writer = BinaryCopyInWriter::new(writer, &[Type::INT8, Type::TEXT, Type::FLOAT4, vector]);
    let count = rows::each(source, &mut |row| {
        limit("id", row.id, 0, i64::MAX.cast_unsigned())?;
        let vector = Vector::from(row.vector.to_vec());
        writer.write(&[&row.id.cast_signed(), &row.path, &row.start_s, &vector]).map_err(failed(doing))
    })?;
    writer.finish().map_err(failed(doing))?;
    Ok(count)
}

/// Holds the table until the end of the transaction, so that no push replaces it, and reads what it is.
fn open(all: &mut Transaction<'_>, table: &str) -> Result<Pushed, EngineError> {
    let hold = format!("LOCK TABLE \"{table}\" IN ACCESS SHARE MODE");
    all.batch_execute(&hold).map_err(|error| match error.code() {
        Some(&SqlState::UNDEFINED_TABLE) => EngineError::Missing { place: table.to_owned() },
        _ => failed("opening the table")(error),
    })?;
    described(all, table)?.ok_or_else(|| EngineError::Foreign { place: table.to_owned() })
}

fn is_there(all: &mut Transaction<'_>, table: &str) -> Result<bool, EngineError> {
    let found = all.query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&format!("\"{table}\"")]);
    found.and_then(|row| row.try_get(0)).map_err(failed("looking for the table"))
}

/// The comment of a table, if it is ours.
fn described(all: &mut Transaction<'_>, table: &str) -> Result<Option<Pushed>, EngineError> {
    let text = "SELECT obj_description(to_regclass($1::text), 'pg_class')";
    let text = all.query_one(text, &[&format!("\"{table}\"")]).and_then(|row| row.try_get::<_, Option<String>>(0));
    Ok(text.map_err(failed("reading the table's comment"))?.as_deref().and_then(pushed_of))
}

/// Begins the comment of our tables; the number changes with the columns.
const MARK: &str = "muscall 1";

fn comment_of(pushed: &Pushed) -> String {
    format!("{MARK}: {} rows of {} by the model {}", pushed.rows, pushed.dim, pushed.fingerprint)
}

fn pushed_of(comment: &str) -> Option<Pushed> {
    let (rows, rest) = comment.strip_prefix(MARK)?.strip_prefix(": ")?.split_once(" rows of ")?;
    let (dim, fingerprint) = rest.split_once(" by the model ")?;
    Some(Pushed { fingerprint: fingerprint.to_owned(), dim: dim.parse().ok()?, rows: rows.parse().ok()? })
}

/// What pgvector would refuse after the copy is refused before.
fn check_limits(dim: usize, hnsw: Option<Hnsw>) -> Result<(), EngineError> {
    limit("dim", dim as u64, 1, if hnsw.is_some() { 2000 } else { 16_000 })?;
    let Some(Hnsw { m, ef_construction }) = hnsw else { return Ok(()) };
    limit("m", m.into(), 2, 100)?;
    limit("ef_construction", ef_construction.into(), (2 * u64::from(m)).max(4), 1000)
}

fn limit(what: &'static str, value: u64, least: u64, most: u64) -> Result<(), EngineError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(EngineError::Limit { what, value, engine: "pgvector", least, most })
}
