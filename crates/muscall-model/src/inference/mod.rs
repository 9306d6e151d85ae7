//! The encoders for inference on a CPU: batch norms folded into convolutions, weights in the order
//! of the kernels, one clip or one caption a thread.
//!
//! Parameters are those of the network in burn, which stays the reference and the path of other
//! devices; tests compare the two.

mod attention_pool;
#[cfg(feature = "sentence")]
mod bert;
mod head;
mod htsat;
mod pooled_resnet;
mod resnet;
mod resnet_stream;
mod rows;
mod transformer;
mod weights;

use burn::tensor::Device;
use muscall_kernels::{Level, Linear, gelu};
use rayon::prelude::*;

#[cfg(feature = "sentence")]
use self::bert::PackedBert;
use self::head::PackedHead;
use self::htsat::PackedHtsat;
use self::pooled_resnet::PooledResNet;
use self::resnet_stream::ResNetStream;
use self::transformer::PackedTransformer;
use self::weights::{Axes, Weights};
use crate::audio::{ResNet, ResNetConfig};
use crate::network::{Lazy, Network};
use crate::space::Tower;
#[cfg(feature = "sentence")]
use crate::text::SentenceTowerConfig;
use crate::text::static_words::StaticWordsConfig;
use crate::text::{TextFrontend, TransformerConfig};
use crate::{ModelError, MuscallConfig, Segments};

/// What there are kernels for. Each encoder is packed when it first embeds something: who only searches needs no room
/// for the audio side.
#[derive(Debug, Default)]
pub(crate) struct PackedEncoders {
    audio: Lazy<Option<PackedAudio>>,
    text: Lazy<Option<PackedText>>,
}

impl PackedEncoders {
    /// Nothing on devices other than the CPU, and for encoders without kernels.
    ///
    /// # Errors
    /// [`ModelError`] with the file of weights that cannot be read.
    pub(crate) fn audio(&self, source: Source<'_>) -> Result<Option<&PackedAudio>, ModelError> {
        let pack = || source.pack(Tower::Audio, |weights| Ok(PackedAudio::new(source.config, weights)));
        Ok(self.audio.get_or_try(pack)?.as_ref())
    }

    /// The same.
    pub(crate) fn text(&self, source: Source<'_>) -> Result<Option<&PackedText>, ModelError> {
        let pack = || source.pack(Tower::Text, |weights| PackedText::new(source.config, weights));
        Ok(self.text.get_or_try(pack)?.as_ref())
    }
}

/// What encoders are packed from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) config: &'a MuscallConfig,
    pub(crate) network: &'a Network,
    pub(crate) device: &'a Device,
}

impl Source<'_> {
    /// Packs the tensors of one tower.
    fn pack<T>(
        self,
        tower: Tower,
        pack: impl FnOnce(&Weights<'_>) -> Result<Option<T>, ModelError> + Send,
    ) -> Result<Option<T>, ModelError>
    where
        T: Send,
    {
        if !crate::is_cpu(self.device) {
            return Ok(None);
        }
        apart(|| {
            let state = self.network.tower(tower, |name| reads_by_row(self.config, name))?;
            pack(&Weights::new(state, self.network, Level::best()))
        })
    }
}

/// Runs on threads of its own. Others wait for what is packed, and it is packed by all threads: one of rayon's that waits for
/// its own work takes up other work meanwhile, which may be to wait for itself.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let threads = rayon::current_num_threads();
    std::thread::scope(|scope| {
        let run = || match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
            Ok(pool) => pool.install(work),
            // Without threads there is nobody else to wait.
            Err(_) => work(),
        };
        scope.spawn(run).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Whether a matrix is read where it lies: all of BERT, and the token table of the Transformer.
fn reads_by_row(config: &MuscallConfig, name: &str) -> bool {
    #[cfg(feature = "sentence")]
    if fine_tuned(config).is_some() {
        return name.starts_with(SENTENCE);
    }
    let is_table = name.strip_prefix("text.").is_some_and(|name| name == transformer::TOKENS);
    is_table && config.text.downcast_ref::<TransformerConfig>().is_some()
}

/// Where the names of a sentence encoder begin that is a tower.
#[cfg(feature = "sentence")]
const SENTENCE: &str = "text.encoder";

#[cfg(feature = "sentence")]
fn fine_tuned(config: &MuscallConfig) -> Option<&SentenceTowerConfig> {
    let text = config.text.downcast_ref::<SentenceTowerConfig>()?;
    (text.fine_tune && text.hidden.is_none()).then_some(text)
}

/// An audio encoder and its head.
#[derive(Debug)]
pub(crate) struct PackedAudio {
    encoder: AudioNetwork,
    head: Option<PackedHead>,
}

// There is one of these in a model.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
enum AudioNetwork {
    ResNet(PooledResNet),
    Htsat(PackedHtsat),
}

impl PackedAudio {
    fn new(config: &MuscallConfig, weights: &Weights<'_>) -> Option<Self> {
        let encoder = if let Some(audio) = config.audio.downcast_ref::<ResNetConfig>() {
            let frames = config.log_mel.frames(config.clip_samples());
            let axes = match config.segments {
                Segments::Separate => Axes::BandsByTime,
                Segments::Shared => Axes::TimeByBands,
            };
            AudioNetwork::ResNet(PooledResNet::new(weights, "audio", audio, [config.log_mel.n_mels, frames], axes))
        } else {
            AudioNetwork::Htsat(PackedHtsat::new(weights, "audio", config.audio.downcast_ref()?))
        };
        let head = config.project.then(|| PackedHead::new(config.head, weights, "audio_projection"));
        Some(Self { encoder, head })
    }

    /// # Shapes
    /// - each mel: `[n_mels, frames]`; returns `[clips, projection_dim]`, unit norm.
    pub(crate) fn embed(&self, mels: &[&[f32]], n_mels: usize) -> Vec<f32> {
        mels.par_iter().flat_map_iter(|mel| self.projected(self.pooled(mel, n_mels), 1)).collect()
    }

    /// What the head is given.
    ///
    /// # Shapes
    /// - each mel: `[n_mels, frames]`; returns `[clips, output_dim]` of the encoder.
    pub(crate) fn features(&self, mels: &[&[f32]], n_mels: usize) -> Vec<f32> {
        mels.par_iter().flat_map_iter(|mel| self.pooled(mel, n_mels)).collect()
    }

    fn pooled(&self, mel: &[f32], n_mels: usize) -> Vec<f32> {
        match &self.encoder {
            AudioNetwork::ResNet(network) => network.run(mel, n_mels),
            AudioNetwork::Htsat(network) => network.run(mel),
        }
    }

    /// Starts on a recording whose windows share a map; nothing for encoders that have none.
    pub(crate) fn map(&self, n_mels: usize) -> Option<PackedMap<'_>> {
        match &self.encoder {
            AudioNetwork::ResNet(network) => {
                Some(PackedMap { audio: self, network, stream: network.stream(n_mels), n_mels })
            }
            AudioNetwork::Htsat(_) => None,
        }
    }

    /// Into the joint space.
    fn projected(&self, pooled: Vec<f32>, rows: usize) -> Vec<f32> {
        let values = match &self.head {
            Some(head) => head.run(&pooled),
            None => pooled,
        };
        values.chunks(values.len().div_ceil(rows).max(1)).flat_map(|row| normalised(row.to_vec())).collect()
    }
}

/// The last feature map of a recording, and embeddings of windows of it.
#[derive(Debug)]
pub(crate) struct PackedMap<'a> {
    audio: &'a PackedAudio,
    network: &'a PooledResNet,
    stream: ResNetStream<'a>,
    n_mels: usize,
}

impl PackedMap<'_> {
    /// Adds what follows from the next frames to `columns`.
    ///
    /// # Shapes
    /// - frames: `[frames, n_mels]`; columns: `[columns, height, channels]`.
    pub(crate) fn push(&mut self, frames: &[f32], last: bool, columns: &mut Vec<f32>) {
        self.stream.push(frames, last, columns);
    }

    /// # Shapes
    /// - returns `[starts, projection_dim]`, unit norm.
    pub(crate) fn embed(&self, columns: &[f32], starts: &[usize], width: usize) -> Vec<f32> {
        let pooled = self.network.pool_windows(columns, self.height(), starts, width);
        self.audio.projected(pooled, starts.len().max(1))
    }

    /// Values of a column.
    pub(crate) fn column_len(&self) -> usize {
        self.height() * self.network.channels()
    }

    fn height(&self) -> usize {
        ResNet::output_size(self.n_mels, 0)[0]
    }
}

/// A text encoder and its head.
#[derive(Debug)]
pub(crate) struct PackedText {
    encoder: TextNetwork,
    head: Option<PackedHead>,
}

// There is one of these in a model.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
enum TextNetwork {
    /// Of vectors that somebody else makes of captions, through a hidden layer if there is one.
    Vectors(Option<Linear>),
    Transformer(PackedTransformer),
    #[cfg(feature = "sentence")]
    Bert(PackedBert),
}

impl PackedText {
    fn new(config: &MuscallConfig, weights: &Weights<'_>) -> Result<Option<Self>, ModelError> {
        let head = config.project.then(|| PackedHead::new(config.head, weights, "text_projection"));
        if let Some(text) = config.text.downcast_ref::<TransformerConfig>() {
            let encoder = TextNetwork::Transformer(PackedTransformer::new(weights, "text", text)?);
            return Ok(Some(Self { encoder, head }));
        }
        if let Some(text) = config.text.downcast_ref::<StaticWordsConfig>() {
            let hidden = text.hidden.map(|_| weights.linear("text.hidden"));
            return Ok(Some(Self { encoder: TextNetwork::Vectors(hidden), head }));
        }
        #[cfg(feature = "sentence")]
        if let Some(text) = fine_tuned(config) {
            let encoder = TextNetwork::Bert(PackedBert::new(weights, SENTENCE, &text.encoder)?);
            return Ok(Some(Self { encoder, head }));
        }
        Ok(None)
    }

    /// As the frontend reads them; nothing if the network reads something else than the frontend gives.
    ///
    /// # Shapes
    /// - returns `[captions, projection_dim]`, unit norm.
    pub(crate) fn embed(&self, captions: &[&str], frontend: &TextFrontend) -> Option<Vec<f32>> {
        let (states, width) = self.features(captions, frontend)?;
        Some(self.projected(states, width))
    }

    /// What the head is given, `[captions, width]`, and that width; nothing as above.
    pub(crate) fn features(&self, captions: &[&str], frontend: &TextFrontend) -> Option<(Vec<f32>, usize)> {
        Some(match &self.encoder {
            TextNetwork::Vectors(None) => {
                let vectors = frontend.vectors(captions)?;
                let width = vectors.len() / captions.len().max(1);
                (vectors, width)
            }
            TextNetwork::Vectors(Some(hidden)) => {
                let mut states = hidden.run(&frontend.vectors(captions)?, None);
                gelu(&mut states, Level::best());
                (states, hidden.outputs())
            }
            TextNetwork::Transformer(network) => (network.run(&frontend.tokens(captions)?), network.width()),
            #[cfg(feature = "sentence")]
            TextNetwork::Bert(network) => (network.run(&frontend.tokens(captions)?), network.width()),
        })
    }

    fn projected(&self, states: Vec<f32>, width: usize) -> Vec<f32> {
        let (projected, dim) = match &self.head {
            Some(head) => (head.run(&states), head.outputs()),
            None => (states, width),
        };
        projected.chunks_exact(dim).flat_map(|row| normalised(row.to_vec())).collect()
    }
}

fn normalised(mut x: Vec<f32>) -> Vec<f32> {
    let norm = x.iter().map(|x| x * x).sum::<f32>().sqrt();
    x.iter_mut().for_each(|x| *x /= norm);
    x
}
