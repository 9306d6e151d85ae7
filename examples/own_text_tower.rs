//! A text tower of your own: the tokens of a caption, without their order.
//!
//! `cargo run --release --example own_text_tower` shows what it makes of three captions before any training.
#![allow(clippy::print_stdout)]

use std::path::Path;

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use muscall::model::text::{TextBatch, TextEncoder, TextEncoderConfig, TextFrontend};
use muscall::model::tower::{Encoder, TextTower, TowerConfig};
use muscall::model::{Activations, ClipTokenizer, Description, ModelError};
use muscall::{Muscall, MuscallConfig};
use serde::{Deserialize, Serialize};

/// In a recipe: `model.text = { kind = "bag_of_tokens", width = 64 }`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BagOfTokens {
    width: usize,
}

impl TowerConfig for BagOfTokens {
    fn validate(&self) -> Result<(), ModelError> {
        ModelError::check(self.width >= 1, "text.width", self.width, "at least 1")
    }

    fn output_dim(&self) -> usize {
        self.width
    }

    fn describe(&self, space: &mut Description) {
        space.field("encoder", "bag_of_tokens");
    }
}

#[typetag::serde(name = "bag_of_tokens")]
impl TextTower for BagOfTokens {
    fn without_dropout(&self) -> TextEncoderConfig {
        self.clone().into()
    }

    fn init(&self, device: &Device) -> Result<TextEncoder, ModelError> {
        let normal = Initializer::Normal { mean: 0.0, std: 0.02 };
        Ok(TextEncoder::new(Bag { embedding: normal.init([ClipTokenizer::VOCABULARY, self.width], device) }))
    }

    fn frontend(&self, _: &mut dyn Iterator<Item = &str>, _: &Device) -> Result<TextFrontend, ModelError> {
        Ok(ClipTokenizer::new()?.into())
    }

    fn load_frontend(&self, bundle: &Path, _: &Device) -> Result<TextFrontend, ModelError> {
        Ok(ClipTokenizer::from_file(&bundle.join("tokenizer.json"))?.into())
    }
}

#[derive(Module, Debug)]
struct Bag {
    embedding: Param<Tensor<2>>,
}

impl Encoder<TextBatch> for Bag {
    fn forward(&self, text: TextBatch, _seen: Option<&mut Activations>) -> Tensor<2> {
        let TextBatch::Tokens(tokens) = text else { panic!("tokens are read") };
        let [batch, length] = tokens.ids.dims();
        let states = self.embedding.val().select(0, tokens.ids.clone().reshape([batch * length]));
        let mask = tokens.ids.greater_elem(0).float().unsqueeze_dim::<3>(1); // [batch, 1, length]; 0 pads
        mask.matmul(states.reshape([batch as i64, length as i64, -1])).squeeze_dim(1)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::default();
    let config = MuscallConfig { text: BagOfTokens { width: 64 }.into(), ..MuscallConfig::tiny() };
    let model = Muscall::new(config.clone(), &config.init(&device)?, ClipTokenizer::new()?, &device)?;
    let words = model.embed_text(["calm solo piano", "piano solo calm", "loud brass band"])?;
    words.rank(&words).row(0).for_each(|hit| println!("{}: {:.3}", hit.index, hit.score));
    Ok(())
}
