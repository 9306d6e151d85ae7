//! A Qdrant server or cluster: a collection that is replaced at once behind an alias.
//!
//! The name that one searches is an alias of a collection `NAME-muscall-…`, whose metadata name the model
//! (Qdrant 1.16 keeps them). A point has the row's number and the payload `path` and `start_s`.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muscall_retrieval::Fingerprint;
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::{
    CountPointsBuilder, CreateAliasBuilder, CreateCollection, CreateCollectionBuilder, Distance, HnswConfigDiffBuilder,
    PointStruct, Query, QueryPointsBuilder, ScoredPoint, SearchParamsBuilder, UpsertPointsBuilder, Value,
    VectorParamsBuilder, point_id, vectors_config,
};
use qdrant_client::{Payload, Qdrant as Client, QdrantError};
use tokio::runtime::{Builder, Runtime};

use crate::search::check_name;
use crate::{EngineError, EngineHit, Hnsw, Pushed, Row, Rows, Search, rows};

/// Longest name; Qdrant takes 255 bytes, and ours are longer by their ends.
const NAME: usize = 200;
/// Bytes of vectors sent at a time, and rows.
const BATCH: (usize, usize) = (1 << 20, 1000);
/// How long an answer may take: an exact search looks at everything.
const PATIENCE: Duration = Duration::from_secs(60);
/// The key of the model, in the metadata of a collection.
const FINGERPRINT_KEY: &str = "muscall_fingerprint";
/// Tries to find a collection that is being replaced.
const TRIES: usize = 3;

/// A connection and the name that it works on. Calls block, and must not be made inside of an
/// asynchronous runtime.
pub struct Qdrant {
    runtime: Runtime,
    client: Client,
    name: String,
}

impl Qdrant {
    /// Takes the URL of Qdrant's gRPC, such as `http://localhost:6334`, the key if it asks for one, and a
    /// name that need not be there yet. It is the first call after this one that connects.
    ///
    /// # Errors
    /// [`EngineError::Qdrant`], or [`EngineError::Name`].
    pub fn connect(url: &str, api_key: Option<&str>, name: &str) -> Result<Self, EngineError> {
        check_name(name, NAME)?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed("starting")(QdrantError::Io(error)))?;
        let client = Client::from_url(url).api_key(api_key).timeout(PATIENCE).skip_compatibility_check().build();
        Ok(Self { runtime, client: client.map_err(failed("connecting"))?, name: name.to_owned() })
    }

    /// Fills a new collection with the rows, with a graph if one is wanted, and puts it in the place of
    /// the old one, which is deleted; gives the number of rows.
    ///
    /// Searches see the old collection until the new one is whole. What an interrupted push has left is
    /// deleted too, so that only one push to a name may go on at a time. Qdrant builds the graph behind
    /// our back: until it is there, searches are slower, not worse.
    ///
    /// # Errors
    /// [`EngineError::Qdrant`]; [`EngineError::Foreign`] if the name is that of a collection which is not
    /// ours; or rows that do not fit.
    pub fn push(&mut self, source: &dyn Rows, hnsw: Option<Hnsw>) -> Result<u64, EngineError> {
        rows::check(source)?;
        let collections = self.runtime.block_on(self.client.list_collections()).map_err(failed("listing"))?;
        if collections.collections.iter().any(|there| there.name == self.name) {
            return Err(EngineError::Foreign { place: self.name.clone() });
        }
        let old = self.target()?;
        if old.as_ref().is_some_and(|old| !self.is_ours(old)) {
            return Err(EngineError::Foreign { place: self.name.clone() });
        }
        for left in collections.collections.iter().filter(|there| self.is_ours(&there.name)) {
            if old.as_ref() != Some(&left.name) {
                self.delete(&left.name)?;
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let new = format!("{}-muscall-{now:x}", self.name);
        let filled = self.fill(&new, source, hnsw).and_then(|count| {
            let alias = CreateAliasBuilder::new(&new, &self.name).build();
            self.runtime.block_on(self.client.create_alias(alias)).map_err(failed("putting it in its place"))?;
            Ok(count)
        });
        if filled.is_err() {
            // The server may have put it in its place, and only its answer was lost. If it cannot be asked, the next push
            // deletes what is left.
            if self.target().is_ok_and(|target| target.as_ref() != Some(&new)) {
                let _ = self.delete(&new);
            }
        } else if let Some(old) = old {
            self.delete(&old)?;
        }
        filled
    }

    /// What the collection holds.
    ///
    /// # Errors
    /// [`EngineError::Qdrant`]; [`EngineError::Missing`], or [`EngineError::Layout`] if it is not ours.
    pub fn pushed(&mut self) -> Result<Pushed, EngineError> {
        self.there(|this, target| Ok(Pushed { rows: this.count(target)?, ..this.describe(target)? }))
    }

    /// The `k` rows most similar to a query of the model, best first. The rows may have been pushed under a former name
    /// of the model's space.
    ///
    /// # Errors
    /// [`EngineError::Fingerprint`] for another model, and those of [`Self::pushed`].
    pub fn search(
        &mut self,
        space: impl Into<Fingerprint>,
        query: &[f32],
        k: usize,
        how: Search,
    ) -> Result<Vec<EngineHit>, EngineError> {
        let how = match how {
            Search::Exact => SearchParamsBuilder::default().exact(true),
            Search::Approximate { ef } => SearchParamsBuilder::default().hnsw_ef(u64::from(ef).max(k as u64)),
        };
        let space = space.into();
        self.there(|this, target| {
            this.describe(target)?.check(&this.name, &space, query)?;
            if k == 0 {
                return Ok(Vec::new());
            }
            let ask = QueryPointsBuilder::new(target).query(Query::new_nearest(query.to_vec()));
            let ask = ask.limit(k as u64).params(how.clone()).with_payload(true).build();
            let found = this.runtime.block_on(this.client.query(ask)).map_err(failed("searching"))?;
            found.result.into_iter().map(|point| this.hit(point)).collect()
        })
    }

    /// Makes a collection and sends the rows.
    fn fill(&self, new: &str, source: &dyn Rows, hnsw: Option<Hnsw>) -> Result<u64, EngineError> {
        let graph = match hnsw {
            Some(Hnsw { m, ef_construction }) => {
                HnswConfigDiffBuilder::default().m(m.into()).ef_construct(ef_construction.into())
            }
            None => HnswConfigDiffBuilder::default().m(0),
        };
        let vectors = VectorParamsBuilder::new(source.dim() as u64, Distance::Dot);
        let create = CreateCollectionBuilder::new(new).vectors_config(vectors).hnsw_config(graph).build();
        let metadata = HashMap::from([(FINGERPRINT_KEY.to_owned(), Value::from(source.fingerprint()))]);
        let create = CreateCollection { metadata, ..create };
        self.runtime.block_on(self.client.create_collection(create)).map_err(failed("making the collection"))?;
        self.describe(new)?;

        let most = (BATCH.0 / (4 * source.dim())).clamp(1, BATCH.1);
        let mut batch = Vec::with_capacity(most);
        let send = |batch: &mut Vec<PointStruct>| {
            let points = UpsertPointsBuilder::new(new, std::mem::take(batch)).wait(true).build();
            self.runtime.block_on(self.client.upsert_points(points)).map_err(failed("sending the rows"))
        };
        let count = rows::each(source, &mut |row| {
            batch.push(point(row));
            if batch.len() == most {
                send(&mut batch)?;
            }
            Ok(())
        })?;
        if !batch.is_empty() {
            send(&mut batch)?;
        }
        // A point takes the place of another of its number.
        if self.count(new)? == count {
            return Ok(count);
        }
        Err(EngineError::DuplicateId { place: self.name.clone(), id: None })
    }

    /// Whether a collection was made by [`Self::push`] for this name.
    fn is_ours(&self, collection: &str) -> bool {
        collection.strip_prefix(&self.name).is_some_and(|end| end.starts_with("-muscall-"))
    }

    /// The collection behind the name.
    fn target(&self) -> Result<Option<String>, EngineError> {
        let aliases = self.runtime.block_on(self.client.list_aliases()).map_err(failed("reading the aliases"))?;
        Ok(aliases.aliases.into_iter().find(|alias| alias.alias_name == self.name).map(|alias| alias.collection_name))
    }

    /// Does something with the collection behind the name, again if it was replaced meanwhile.
    fn there<T>(&self, act: impl Fn(&Self, &str) -> Result<T, EngineError>) -> Result<T, EngineError> {
        let missing = || EngineError::Missing { place: self.name.clone() };
        for _ in 0..TRIES {
            match act(self, &self.target()?.ok_or_else(missing)?) {
                Err(EngineError::Qdrant { source, .. }) if is_gone(&source) => {}
                done => return done,
            }
        }
        Err(missing())
    }

    /// What a collection holds; the number of rows is Qdrant's estimate.
    fn describe(&self, collection: &str) -> Result<Pushed, EngineError> {
        let info = self.runtime.block_on(self.client.collection_info(collection)).map_err(failed("looking at it"))?;
        let info = info.result.unwrap_or_default();
        let (rows, config) = (info.points_count.unwrap_or(0), info.config);
        let text = config.as_ref().and_then(|config| config.metadata.get(FINGERPRINT_KEY)?.kind.clone());
        let Some(Kind::StringValue(fingerprint)) = text else {
            return Err(self.layout("the metadata do not name the model, as Qdrant 1.16 and later keep it"));
        };
        let vectors = config.and_then(|config| config.params?.vectors_config?.config);
        let Some(vectors_config::Config::Params(vectors)) = vectors else {
            return Err(self.layout("there is not one vector a point"));
        };
        let dim = usize::try_from(vectors.size).map_err(|_| self.layout("the vectors are too long"))?;
        Ok(Pushed { fingerprint, dim, rows })
    }

    fn count(&self, collection: &str) -> Result<u64, EngineError> {
        let ask = CountPointsBuilder::new(collection).exact(true).build();
        let count = self.runtime.block_on(self.client.count(ask)).map_err(failed("counting"))?;
        Ok(count.result.map_or(0, |result| result.count))
    }

    fn delete(&self, collection: &str) -> Result<(), EngineError> {
        let deleted = self.runtime.block_on(self.client.delete_collection(collection));
        deleted.map(|_| ()).map_err(failed("deleting an old collection"))
    }

    fn hit(&self, mut point: ScoredPoint) -> Result<EngineHit, EngineError> {
        let id = point.id.and_then(|id| id.point_id_options);
        let path = point.payload.remove("path").and_then(|value| value.kind);
        let start_s = point.payload.remove("start_s").and_then(|value| value.kind);
        let start_s = match start_s {
            Some(Kind::DoubleValue(start_s)) => Some(start_s as f32),
            Some(Kind::IntegerValue(start_s)) => Some(start_s as f32),
            _ => None,
        };
        match (id, path, start_s) {
            (Some(point_id::PointIdOptions::Num(id)), Some(Kind::StringValue(path)), Some(start_s)) => {
                Ok(EngineHit { id, path, start_s, score: point.score })
            }
            _ => Err(self.layout("a point has no number, `path` or `start_s`")),
        }
    }

    fn layout(&self, what: &str) -> EngineError {
        EngineError::Layout { place: self.name.clone(), what: what.to_owned() }
    }
}

fn point(row: Row<'_>) -> PointStruct {
    let mut payload = Payload::with_capacity(2);
    payload.insert("path", row.path);
    payload.insert("start_s", row.start_s);
    PointStruct::new(row.id, row.vector.to_vec(), payload)
}

fn is_gone(error: &QdrantError) -> bool {
    matches!(error, QdrantError::ResponseError { status } if status.code() == tonic::Code::NotFound)
}

fn failed(doing: &'static str) -> impl Fn(QdrantError) -> EngineError {
    move |source| EngineError::Qdrant { doing, source: Box::new(source) }
}
