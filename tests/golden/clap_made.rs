// LAION-CLAP models of any size with random weights, every tensor moved off its default, in the hub's layout and as
// laion's `.pt`, a tensor at a time: the large ones need not fit into the memory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use muscall_audio::LogMelConfig;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Sizes of a whole model.
pub struct Sizes {
    pub width: usize,
    pub depths: Vec<usize>,
    pub heads: Vec<usize>,
    pub text_width: usize,
    pub text_depth: usize,
    pub text_heads: usize,
    pub mlp: usize,
    pub vocabulary: usize,
    pub positions: usize,
    pub dim: usize,
}

impl Sizes {
    /// Of `laion/clap-htsat-unfused`.
    pub fn tiny() -> Self {
        let (depths, heads) = (vec![2, 2, 6, 2], vec![4, 8, 16, 32]);
        let (text_width, mlp, vocabulary, positions) = (768, 3072, 50_265, 514);
        let (text_depth, text_heads) = (12, 12);
        Self { width: 96, depths, heads, text_width, text_depth, text_heads, mlp, vocabulary, positions, dim: 512 }
    }

    /// Of `laion/larger_clap_general`.
    pub fn base() -> Self {
        Self { width: 128, depths: vec![2, 2, 12, 2], ..Self::tiny() }
    }

    /// Unlike any other in every size, and quick.
    pub fn odd() -> Self {
        Self {
            width: 12,
            depths: vec![2, 1, 2, 3],
            heads: vec![1, 2, 3, 4],
            text_width: 48,
            text_depth: 3,
            text_heads: 12,
            mlp: 100,
            vocabulary: 613,
            positions: 90,
            dim: 20,
        }
    }
}

/// Around which value, and how far from it.
type Spread = (f32, f32);

/// A tensor by the hub's name; its values follow from the seed and that name.
struct Made {
    name: String,
    shape: Vec<usize>,
    spread: Spread,
}

fn tensors(sizes: &Sizes) -> Vec<Made> {
    let mut all = Vec::new();
    let mut add =
        |name: String, shape: &[usize], spread: Spread| all.push(Made { name, shape: shape.to_vec(), spread });
    fn linear(add: &mut dyn FnMut(String, &[usize], Spread), name: &str, inputs: usize, outputs: usize) {
        add(format!("{name}.weight"), &[outputs, inputs], (0.0, (inputs as f32).powf(-0.5)));
        add(format!("{name}.bias"), &[outputs], (0.0, 0.05));
    }
    fn norm(add: &mut dyn FnMut(String, &[usize], Spread), name: &str, width: usize) {
        add(format!("{name}.weight"), &[width], (1.0, 0.1));
        add(format!("{name}.bias"), &[width], (0.0, 0.1));
    }
    let audio = "audio_model.audio_encoder";
    norm(&mut add, &format!("{audio}.batch_norm"), 64);
    add(format!("{audio}.batch_norm.running_mean"), &[64], (-30.0, 5.0));
    add(format!("{audio}.batch_norm.running_var"), &[64], (220.0, 40.0));
    add(format!("{audio}.patch_embed.proj.weight"), &[sizes.width, 1, 4, 4], (0.0, 0.25));
    add(format!("{audio}.patch_embed.proj.bias"), &[sizes.width], (0.0, 0.05));
    norm(&mut add, &format!("{audio}.patch_embed.norm"), sizes.width);
    for (stage, (&depth, &heads)) in sizes.depths.iter().zip(&sizes.heads).enumerate() {
        let width = sizes.width << stage;
        for block in 0..depth {
            let block = format!("{audio}.layers.{stage}.blocks.{block}");
            norm(&mut add, &format!("{block}.layernorm_before"), width);
            norm(&mut add, &format!("{block}.layernorm_after"), width);
            for part in ["query", "key", "value"] {
                linear(&mut add, &format!("{block}.attention.self.{part}"), width, width);
            }
            add(format!("{block}.attention.self.relative_position_bias_table"), &[225, heads], (0.0, 0.3));
            linear(&mut add, &format!("{block}.attention.output.dense"), width, width);
            linear(&mut add, &format!("{block}.intermediate.dense"), width, 4 * width);
            linear(&mut add, &format!("{block}.output.dense"), 4 * width, width);
        }
        if stage + 1 < sizes.depths.len() {
            norm(&mut add, &format!("{audio}.layers.{stage}.downsample.norm"), 4 * width);
            let spread = (0.0, (4.0 * width as f32).powf(-0.5));
            add(format!("{audio}.layers.{stage}.downsample.reduction.weight"), &[2 * width, 4 * width], spread);
        }
    }
    let last = sizes.width << (sizes.depths.len() - 1);
    norm(&mut add, &format!("{audio}.norm"), last);
    let (text, width) = ("text_model", sizes.text_width);
    add(format!("{text}.embeddings.word_embeddings.weight"), &[sizes.vocabulary, width], (0.0, 0.05));
    add(format!("{text}.embeddings.position_embeddings.weight"), &[sizes.positions, width], (0.0, 0.05));
    add(format!("{text}.embeddings.token_type_embeddings.weight"), &[1, width], (0.0, 0.05));
    norm(&mut add, &format!("{text}.embeddings.LayerNorm"), width);
    for layer in 0..sizes.text_depth {
        let layer = format!("{text}.encoder.layer.{layer}");
        for part in ["self.query", "self.key", "self.value", "output.dense"] {
            linear(&mut add, &format!("{layer}.attention.{part}"), width, width);
        }
        norm(&mut add, &format!("{layer}.attention.output.LayerNorm"), width);
        linear(&mut add, &format!("{layer}.intermediate.dense"), width, sizes.mlp);
        linear(&mut add, &format!("{layer}.output.dense"), sizes.mlp, width);
        norm(&mut add, &format!("{layer}.output.LayerNorm"), width);
    }
    linear(&mut add, &format!("{text}.pooler.dense"), width, width);
    for (side, width) in [("audio", last), ("text", width)] {
        linear(&mut add, &format!("{side}_projection.linear1"), width, sizes.dim);
        linear(&mut add, &format!("{side}_projection.linear2"), sizes.dim, sizes.dim);
    }
    add("logit_scale_a".to_owned(), &[], (2.9, 0.1));
    add("logit_scale_t".to_owned(), &[], (2.4, 0.1));
    all
}

impl Made {
    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Little-endian f32.
    fn bytes(&self, seed: u64) -> Vec<u8> {
        // FNV-1a of the name.
        let name = self
            .name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ name);
        let (middle, spread) = self.spread;
        let value = |_| {
            // Uniform, with the deviation that is wanted.
            let unit = (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
            middle + spread * 1.732_050_8 * unit
        };
        (0..self.len()).map(value).flat_map(f32::to_le_bytes).collect()
    }
}

/// What `model.safetensors` is in the hub's layout, or `pytorch_model.bin`.
#[derive(Clone, Copy, PartialEq)]
pub enum Weights {
    Safetensors,
    Torch,
}

/// A folder as on the hub; the tokenizer is a copy of the given one.
pub fn write_hub(sizes: &Sizes, seed: u64, dir: &Path, tokenizer: &Path, weights: Weights) {
    fs::create_dir_all(dir).unwrap();
    fs::copy(tokenizer, dir.join("tokenizer.json")).unwrap();
    let config = json!({
        "model_type": "clap", "projection_dim": sizes.dim,
        "audio_config": {
            "patch_embeds_hidden_size": sizes.width, "hidden_size": sizes.width << (sizes.depths.len() - 1),
            "depths": sizes.depths, "num_attention_heads": sizes.heads, "num_hidden_layers": sizes.depths.len(),
            "enable_fusion": false, "projection_dim": sizes.dim,
        },
        "text_config": {
            "hidden_size": sizes.text_width, "num_hidden_layers": sizes.text_depth, "vocab_size": sizes.vocabulary,
            "num_attention_heads": sizes.text_heads, "intermediate_size": sizes.mlp, "layer_norm_eps": 1e-12,
            "max_position_embeddings": sizes.positions, "type_vocab_size": 1, "projection_dim": sizes.dim,
        },
    });
    let preprocessor = json!({
        "feature_extractor_type": "ClapFeatureExtractor", "processor_class": "ClapProcessor", "sampling_rate": 48_000,
        "fft_window_size": 1024, "hop_length": 480, "feature_size": 64, "frequency_min": 50, "frequency_max": 14_000,
        "max_length_s": 10, "nb_max_samples": 480_000, "padding": "repeatpad", "truncation": "rand_trunc",
    });
    fs::write(dir.join("config.json"), format!("{config:#}")).unwrap();
    fs::write(dir.join("preprocessor_config.json"), format!("{preprocessor:#}")).unwrap();
    let tensors = tensors(sizes);
    match weights {
        Weights::Safetensors => write_safetensors(&tensors, seed, &dir.join("model.safetensors")),
        Weights::Torch => {
            let mut archive = Archive::create(&dir.join("pytorch_model.bin"));
            let mut pickle = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
            for made in &tensors {
                text(&mut pickle, &made.name);
                archive.tensor(&mut pickle, &made.shape, &made.bytes(seed));
            }
            pickle.extend(b"u.");
            archive.finish(&pickle);
        }
    }
}

fn write_safetensors(tensors: &[Made], seed: u64, path: &Path) {
    let (mut header, mut at) = (serde_json::Map::new(), 0);
    for made in tensors {
        let end = at + 4 * made.len();
        let entry = json!({ "dtype": "F32", "shape": made.shape, "data_offsets": [at, end] });
        header.insert(made.name.clone(), entry);
        at = end;
    }
    let mut header = serde_json::to_vec(&header).unwrap();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&header).unwrap();
    for made in tensors {
        file.write_all(&made.bytes(seed)).unwrap();
    }
    file.flush().unwrap();
}

/// A `.pt` as laion's trainer saves it: `module.` in front, what it has besides the weights, the optimizer's moments of
/// each weight, and numpy's numbers.
pub fn write_laion(sizes: &Sizes, seed: u64, path: &Path) {
    let mut archive = Archive::create(path);
    let mut pickle = b"\x80\x02}(".to_vec();
    text(&mut pickle, "epoch");
    pickle.extend(b"K\x0f");
    text(&mut pickle, "name");
    text(&mut pickle, "made");
    text(&mut pickle, "state_dict");
    pickle.extend(b"ccollections\nOrderedDict\n)R(");
    for (name, shape, values) in besides(sizes) {
        text(&mut pickle, &format!("module.{name}"));
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        archive.tensor(&mut pickle, &shape, &bytes);
    }
    let (mut moments, mut trained) = (Vec::new(), 0);
    // Rows of query, key and value, which become one: weights and biases.
    let mut parts: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for made in tensors(sizes) {
        let mut bytes = made.bytes(seed);
        let (name, part) = laion_name(&made.name);
        let mut shape = made.shape.clone();
        if let Some(part) = part {
            let rows = parts.entry(name.clone()).or_default();
            rows.append(&mut bytes);
            if part < 2 {
                continue;
            }
            bytes = parts.remove(&name).unwrap();
            shape[0] *= 3;
        }
        text(&mut pickle, &format!("module.{name}"));
        archive.tensor(&mut pickle, &shape, &bytes);
        if name.contains("running_") {
            continue;
        }
        moments.extend(integer(trained));
        trained += 1;
        moments.extend(b"}(");
        text(&mut moments, "step");
        moments.extend(b"K\x5a");
        for moment in ["exp_avg", "exp_avg_sq"] {
            text(&mut moments, moment);
            archive.tensor(&mut moments, &shape, &bytes);
        }
        moments.extend(b"u");
    }
    pickle.extend(b"u");
    text(&mut pickle, "optimizer");
    pickle.extend(b"}(");
    text(&mut pickle, "state");
    pickle.extend([b"}(".as_slice(), &moments, b"u"].concat());
    text(&mut pickle, "param_groups");
    pickle.extend(b"](}(");
    text(&mut pickle, "lr");
    // numpy's float64 of 1e-4, as numpy 1 pickles it.
    pickle.extend(b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(X\x02\0\0\0f8K\0K\x01tR(K\x03X\x01\0\0\0<NNN");
    pickle.extend(b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tbc_codecs\nencode\n(");
    let rate: String = 1e-4_f64.to_le_bytes().into_iter().map(char::from).collect();
    text(&mut pickle, &rate);
    text(&mut pickle, "latin1");
    pickle.extend(b"tRtRueuu.");
    archive.finish(&pickle);
}

/// laion's name, and which third of a fused projection it is, if any.
fn laion_name(hub: &str) -> (String, Option<usize>) {
    let mut name = hub.replace("text_model.", "text_branch.").replace("audio_model.audio_encoder.", "audio_branch.");
    name = name.replace(".batch_norm.", ".bn0.");
    name = name.replace("projection.linear1.", "projection.0.").replace("projection.linear2.", "projection.2.");
    if !name.starts_with("audio_branch.") {
        return (name, None);
    }
    for (theirs, laions) in [
        ("layernorm_before", "norm1"),
        ("layernorm_after", "norm2"),
        ("intermediate.dense", "mlp.fc1"),
        ("attention.output.dense", "attn.proj"),
        ("output.dense", "mlp.fc2"),
        ("attention.self.relative", "attn.relative"),
    ] {
        name = name.replace(theirs, laions);
    }
    let part = ["query", "key", "value"].iter().position(|part| name.contains(&format!("attention.self.{part}.")));
    let Some(part) = part else { return (name, None) };
    let (block, kind) = (name.split_once(".attention.").unwrap().0, name.rsplit_once('.').unwrap().1);
    (format!("{block}.attn.qkv.{kind}"), Some(part))
}

/// What a `.pt` has and nothing reads, and what describes its front end.
fn besides(sizes: &Sizes) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let frontend = LogMelConfig::clap().init().unwrap();
    let (bank, window) = (frontend.mel_bank().to_vec(), frontend.window());
    let wave = |wave: fn(f64) -> f64| {
        let angle = |bin: usize, n: usize| std::f64::consts::TAU * ((bin * n) % 1024) as f64 / 1024.0;
        let value = |(bin, n): (usize, usize)| (f64::from(window[n]) * wave(angle(bin, n))) as f32;
        (0..513).flat_map(|bin| (0..1024).map(move |n| (bin, n))).map(value).collect::<Vec<f32>>()
    };
    let (stft, last) = ("audio_branch.spectrogram_extractor.stft", sizes.width << (sizes.depths.len() - 1));
    vec![
        (format!("{stft}.conv_real.weight"), vec![513, 1, 1024], wave(f64::cos)),
        (format!("{stft}.conv_imag.weight"), vec![513, 1, 1024], wave(|angle| -angle.sin())),
        ("audio_branch.logmel_extractor.melW".to_owned(), vec![513, 64], bank),
        ("audio_branch.layers.0.blocks.1.attn_mask".to_owned(), vec![64, 64, 64], vec![-100.0; 64 * 64 * 64]),
        ("audio_branch.tscam_conv.weight".to_owned(), vec![11, last, 2, 3], vec![0.5; 66 * last]),
        ("audio_branch.head.bias".to_owned(), vec![11], vec![0.25; 11]),
        ("text_transform.sequential.0.bias".to_owned(), vec![sizes.dim], vec![0.125; sizes.dim]),
    ]
}

/// The zip file of `torch.save`.
struct Archive {
    zip: ZipWriter<BufWriter<File>>,
    storages: usize,
}

impl Archive {
    fn create(path: &Path) -> Self {
        Self { zip: ZipWriter::new(BufWriter::new(File::create(path).unwrap())), storages: 0 }
    }

    fn entry(&mut self, name: &str, bytes: &[u8]) {
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        self.zip.start_file(format!("archive/{name}"), stored).unwrap();
        self.zip.write_all(bytes).unwrap();
    }

    /// A storage, and the tensor that has all of it.
    fn tensor(&mut self, pickle: &mut Vec<u8>, shape: &[usize], bytes: &[u8]) {
        let key = self.storages.to_string();
        self.storages += 1;
        self.entry(&format!("data/{key}"), bytes);
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(pickle, "storage");
        pickle.extend(b"ctorch\nFloatStorage\n");
        text(pickle, &key);
        text(pickle, "cpu");
        pickle.extend(integer(bytes.len() / 4));
        pickle.extend(b"tQK\0(");
        shape.iter().for_each(|&size| pickle.extend(integer(size)));
        pickle.extend(b"t(");
        for axis in 0..shape.len() {
            pickle.extend(integer(shape[axis + 1..].iter().product()));
        }
        pickle.extend(b"t\x89ccollections\nOrderedDict\n)RtR");
    }

    fn finish(mut self, pickle: &[u8]) {
        self.entry("data.pkl", pickle);
        self.entry("byteorder", b"little");
        self.entry("version", b"3\n");
        self.zip.finish().unwrap().flush().unwrap();
    }
}

fn integer(value: usize) -> Vec<u8> {
    [b"J".as_slice(), &(value as i32).to_le_bytes()].concat()
}

fn text(pickle: &mut Vec<u8>, text: &str) {
    pickle.push(b'X');
    pickle.extend((text.len() as u32).to_le_bytes());
    pickle.extend(text.as_bytes());
}
