//! A server that speaks as much of Qdrant's protocol as the client uses, and answers exactly. It shows
//! what the client sends and how it takes the answers, not that a real server agrees.

use std::collections::{BTreeMap, HashMap};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::qdrant_client::qdrant::collections_server::{Collections, CollectionsServer};
use ::qdrant_client::qdrant::points_server::{Points, PointsServer};
use ::qdrant_client::qdrant::*;
use tonic::{Request, Response, Status};

#[derive(Clone)]
pub struct Collection {
    config: CollectionConfig,
    points: BTreeMap<u64, (Vec<f32>, HashMap<String, Value>)>,
}

pub struct State {
    pub collections: HashMap<String, Collection>,
    pub aliases: HashMap<String, String>,
    /// Points of every request.
    pub batches: Vec<usize>,
    /// Whether it is of a version that has metadata.
    pub keeps_metadata: bool,
    /// Says once that a collection is not there.
    pub vanish_once: bool,
    /// Changes an alias once and does not say so.
    pub lose_answer_once: bool,
}

/// A collection that was written down: `{"metadata": {…}, "points": [{"id": …, "vector": […], "payload": {…}}, …]}`.
pub fn collection(json: &str) -> Collection {
    use serde_json::Value as Json;

    let json: Json = serde_json::from_str(json).unwrap();
    let values = |object: &Json| -> HashMap<String, Value> {
        let value = |value: &Json| match value {
            Json::String(text) => Value::from(text.as_str()),
            number => Value::from(number.as_f64().unwrap()),
        };
        object.as_object().unwrap().iter().map(|(key, field)| (key.clone(), value(field))).collect()
    };
    let point = |point: &Json| {
        let vector = point["vector"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
        (point["id"].as_u64().unwrap(), (vector, values(&point["payload"])))
    };
    let points: BTreeMap<u64, (Vec<f32>, HashMap<String, Value>)> =
        json["points"].as_array().unwrap().iter().map(point).collect();
    let size = points.values().next().unwrap().0.len() as u64;
    let vectors = VectorsConfig::from(VectorParamsBuilder::new(size, Distance::Dot).build());
    let params = CollectionParams { vectors_config: Some(vectors), ..Default::default() };
    let metadata = values(&json["metadata"]);
    Collection { config: CollectionConfig { params: Some(params), metadata, ..Default::default() }, points }
}

impl State {
    fn find(&mut self, name: &str) -> Result<&mut Collection, Status> {
        let vanished = std::mem::take(&mut self.vanish_once);
        let name = self.aliases.get(name).cloned().unwrap_or(name.to_owned());
        let found = self.collections.get_mut(&name).filter(|_| !vanished);
        found.ok_or_else(|| Status::not_found(format!("Collection `{name}` doesn't exist!")))
    }
}

#[derive(Clone)]
pub struct StandIn(Arc<Mutex<State>>);

impl StandIn {
    /// Serves until the test ends.
    pub fn start() -> (String, Arc<Mutex<State>>) {
        let state = Arc::new(Mutex::new(State {
            collections: HashMap::new(),
            aliases: HashMap::new(),
            batches: Vec::new(),
            keeps_metadata: true,
            vanish_once: false,
            lose_answer_once: false,
        }));
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let this = Self(state.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let server = tonic::transport::Server::builder()
                .add_service(CollectionsServer::new(this.clone()))
                .add_service(PointsServer::new(this).max_decoding_message_size(4 << 20));
            runtime.block_on(server.serve(address)).unwrap();
        });
        while TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        (format!("http://{address}"), state)
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn yes() -> Answer<CollectionOperationResponse> {
    Ok(Response::new(CollectionOperationResponse { result: true, ..Default::default() }))
}

/// Methods that the client does not call.
macro_rules! refuse {
    ($($method:ident($request:ty) -> $answer:ty;)*) => {$(
        fn $method<'a: 'b, 'b>(
            &'a self,
            _: Request<$request>,
        ) -> std::pin::Pin<Box<dyn Future<Output = Answer<$answer>> + Send + 'b>>
        where
            Self: 'b,
        {
            Box::pin(async { Err(Status::unimplemented(stringify!($method))) })
        }
    )*};
}

#[tonic::async_trait]
impl Collections for StandIn {
    async fn get(&self, request: Request<GetCollectionInfoRequest>) -> Answer<GetCollectionInfoResponse> {
        let mut state = self.0.lock().unwrap();
        let found = state.find(&request.get_ref().collection_name)?;
        let points_count = Some(found.points.len() as u64);
        let info = CollectionInfo { config: Some(found.config.clone()), points_count, ..Default::default() };
        Ok(Response::new(GetCollectionInfoResponse { result: Some(info), time: 0.0 }))
    }

    async fn list(&self, _: Request<ListCollectionsRequest>) -> Answer<ListCollectionsResponse> {
        let state = self.0.lock().unwrap();
        let collections = state.collections.keys().map(|name| CollectionDescription { name: name.clone() }).collect();
        Ok(Response::new(ListCollectionsResponse { collections, time: 0.0 }))
    }

    async fn create(&self, request: Request<CreateCollection>) -> Answer<CollectionOperationResponse> {
        let (mut state, given) = (self.0.lock().unwrap(), request.into_inner());
        let Some(vectors_config::Config::Params(vectors)) = given.vectors_config.as_ref().unwrap().config else {
            return Err(Status::invalid_argument("one vector a point"));
        };
        assert_eq!(vectors.distance(), Distance::Dot);
        let params = CollectionParams { vectors_config: given.vectors_config, ..Default::default() };
        let metadata = if state.keeps_metadata { given.metadata } else { HashMap::new() };
        let config = CollectionConfig { params: Some(params), metadata, ..Default::default() };
        state.collections.insert(given.collection_name, Collection { config, points: BTreeMap::new() });
        yes()
    }

    async fn delete(&self, request: Request<DeleteCollection>) -> Answer<CollectionOperationResponse> {
        let (mut state, name) = (self.0.lock().unwrap(), request.into_inner().collection_name);
        state.collections.remove(&name);
        state.aliases.retain(|_, target| *target != name);
        yes()
    }

    async fn update_aliases(&self, request: Request<ChangeAliases>) -> Answer<CollectionOperationResponse> {
        let mut state = self.0.lock().unwrap();
        for change in request.into_inner().actions {
            let Some(alias_operations::Action::CreateAlias(alias)) = change.action else {
                return Err(Status::unimplemented("change of an alias"));
            };
            assert!(state.collections.contains_key(&alias.collection_name));
            assert!(!state.collections.contains_key(&alias.alias_name));
            state.aliases.insert(alias.alias_name, alias.collection_name);
        }
        if std::mem::take(&mut state.lose_answer_once) {
            return Err(Status::unavailable("the connection was lost"));
        }
        yes()
    }

    async fn list_aliases(&self, _: Request<ListAliasesRequest>) -> Answer<ListAliasesResponse> {
        let aliases = self.0.lock().unwrap().aliases.clone().into_iter();
        let aliases = aliases.map(|(alias_name, collection_name)| AliasDescription { alias_name, collection_name });
        Ok(Response::new(ListAliasesResponse { aliases: aliases.collect(), time: 0.0 }))
    }

    refuse! {
        update(UpdateCollection) -> CollectionOperationResponse;
        list_collection_aliases(ListCollectionAliasesRequest) -> ListAliasesResponse;
        collection_cluster_info(CollectionClusterInfoRequest) -> CollectionClusterInfoResponse;
        collection_exists(CollectionExistsRequest) -> CollectionExistsResponse;
        update_collection_cluster_setup(UpdateCollectionClusterSetupRequest) -> UpdateCollectionClusterSetupResponse;
        create_shard_key(CreateShardKeyRequest) -> CreateShardKeyResponse;
        delete_shard_key(DeleteShardKeyRequest) -> DeleteShardKeyResponse;
        list_shard_keys(ListShardKeysRequest) -> ListShardKeysResponse;
    }
}

/// The numbers of a vector, which the protocol has in two places.
fn numbers(vector: Vector) -> Vec<f32> {
    match vector.vector {
        Some(vector::Vector::Dense(dense)) => dense.data,
        #[allow(deprecated)]
        _ => vector.data,
    }
}

#[tonic::async_trait]
impl Points for StandIn {
    async fn upsert(&self, request: Request<UpsertPoints>) -> Answer<PointsOperationResponse> {
        let (mut state, given) = (self.0.lock().unwrap(), request.into_inner());
        assert_eq!(given.wait, Some(true));
        state.batches.push(given.points.len());
        let found = state.find(&given.collection_name)?;
        for point in given.points {
            let Some(point_id::PointIdOptions::Num(id)) = point.id.unwrap().point_id_options else {
                panic!("a number")
            };
            let Some(vectors::VectorsOptions::Vector(vector)) = point.vectors.unwrap().vectors_options else {
                panic!("one vector")
            };
            found.points.insert(id, (numbers(vector), point.payload));
        }
        Ok(Response::new(PointsOperationResponse::default()))
    }

    async fn count(&self, request: Request<CountPoints>) -> Answer<CountResponse> {
        let (mut state, given) = (self.0.lock().unwrap(), request.into_inner());
        assert_eq!(given.exact, Some(true));
        let count = state.find(&given.collection_name)?.points.len() as u64;
        Ok(Response::new(CountResponse { result: Some(CountResult { count }), ..Default::default() }))
    }

    async fn query(&self, request: Request<QueryPoints>) -> Answer<QueryResponse> {
        let (mut state, given) = (self.0.lock().unwrap(), request.into_inner());
        let Some(query::Variant::Nearest(nearest)) = given.query.unwrap().variant else { panic!("nearest") };
        let Some(vector_input::Variant::Dense(query)) = nearest.variant else { panic!("dense") };
        let how = given.params.unwrap();
        assert!(how.exact == Some(true) || how.hnsw_ef == Some(100), "{how:?}");
        let found = state.find(&given.collection_name)?;
        let mut result: Vec<ScoredPoint> = found
            .points
            .iter()
            .map(|(id, (vector, payload))| ScoredPoint {
                id: Some((*id).into()),
                payload: payload.clone(),
                score: vector.iter().zip(&query.data).map(|(a, b)| a * b).sum(),
                ..Default::default()
            })
            .collect();
        result.sort_by(|a, b| b.score.total_cmp(&a.score));
        result.truncate(given.limit.unwrap() as usize);
        Ok(Response::new(QueryResponse { result, ..Default::default() }))
    }

    refuse! {
        delete(DeletePoints) -> PointsOperationResponse;
        get(GetPoints) -> GetResponse;
        update_vectors(UpdatePointVectors) -> PointsOperationResponse;
        delete_vectors(DeletePointVectors) -> PointsOperationResponse;
        set_payload(SetPayloadPoints) -> PointsOperationResponse;
        overwrite_payload(SetPayloadPoints) -> PointsOperationResponse;
        delete_payload(DeletePayloadPoints) -> PointsOperationResponse;
        clear_payload(ClearPayloadPoints) -> PointsOperationResponse;
        create_field_index(CreateFieldIndexCollection) -> PointsOperationResponse;
        delete_field_index(DeleteFieldIndexCollection) -> PointsOperationResponse;
        create_vector_name(CreateVectorNameRequest) -> PointsOperationResponse;
        delete_vector_name(DeleteVectorNameRequest) -> PointsOperationResponse;
        search(SearchPoints) -> SearchResponse;
        search_batch(SearchBatchPoints) -> SearchBatchResponse;
        search_groups(SearchPointGroups) -> SearchGroupsResponse;
        scroll(ScrollPoints) -> ScrollResponse;
        recommend(RecommendPoints) -> RecommendResponse;
        recommend_batch(RecommendBatchPoints) -> RecommendBatchResponse;
        recommend_groups(RecommendPointGroups) -> RecommendGroupsResponse;
        discover(DiscoverPoints) -> DiscoverResponse;
        discover_batch(DiscoverBatchPoints) -> DiscoverBatchResponse;
        update_batch(UpdateBatchPoints) -> UpdateBatchResponse;
        query_batch(QueryBatchPoints) -> QueryBatchResponse;
        query_groups(QueryPointGroups) -> QueryGroupsResponse;
        facet(FacetCounts) -> FacetResponse;
        search_matrix_pairs(SearchMatrixPoints) -> SearchMatrixPairsResponse;
        search_matrix_offsets(SearchMatrixPoints) -> SearchMatrixOffsetsResponse;
    }
}
