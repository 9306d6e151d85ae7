//! Sizes that nobody has are refused by their number, before memory is asked for.
#![allow(missing_docs, clippy::unwrap_used)]

use muscall_model::audio::{CrnnConfig, HtsatConfig, ResNetConfig};
use muscall_model::text::{TransformerConfig, WordVectorsConfig};
use muscall_model::tower::TowerConfig;
use muscall_model::{ModelError, MuscallConfig, OtherLengths};

fn refused(config: MuscallConfig) -> String {
    let error = config.validate().unwrap_err();
    assert!(matches!(error, ModelError::Config { .. }), "{error}");
    assert!(config.init(&Default::default()).is_err());
    error.to_string()
}

#[test]
fn a_size_beyond_all_models_is_named() {
    let tiny = MuscallConfig::tiny;
    for huge in [100_000_usize, 1_000_000_000, 1 << 62] {
        let number = huge.to_string();
        let audio = |audio: muscall_model::tower::AudioEncoderConfig| refused(MuscallConfig { audio, ..tiny() });
        let text = |text: muscall_model::tower::TextEncoderConfig| refused(MuscallConfig { text, ..tiny() });
        for error in [
            audio(ResNetConfig::new(huge).into()),
            audio(ResNetConfig::new(16).with_hidden(huge).into()),
            audio(CrnnConfig { channels: huge, ..CrnnConfig::default() }.into()),
            HtsatConfig { width: huge, ..HtsatConfig::tiny() }.validate().unwrap_err().to_string(),
            text(TransformerConfig::new(huge).into()),
            text(TransformerConfig::new(1).with_width(huge, 1).into()),
            text(WordVectorsConfig { dim: huge, ..WordVectorsConfig::new("words.vec") }.into()),
            refused(MuscallConfig { projection_dim: huge, ..tiny() }),
        ] {
            assert!(error.contains(&number), "{huge}: {error}");
        }
    }
}

#[test]
fn so_is_a_vocabulary() {
    let text = TransformerConfig { vocabulary: 1 << 62, ..TransformerConfig::new(1) }.into();
    assert!(refused(MuscallConfig { text, ..MuscallConfig::tiny() }).contains("4611686018427387904"));
}

#[test]
fn parameters_are_counted_together() {
    let audio = ResNetConfig::new(1024).into();
    let error = refused(MuscallConfig { audio, ..MuscallConfig::tiny() });
    assert!(error.contains("billion parameters"), "{error}");
    // What people train is far from that.
    for config in [MuscallConfig::released(), MuscallConfig::resnet50(), MuscallConfig::tiny()] {
        config.validate().unwrap();
    }
    let close = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 0.05, "{found} {expected}");
    // As counted by PyTorch: the ModifiedResNet of CLIP's RN50, and its text Transformer.
    close(ResNetConfig::new(64).with_hidden(1024).parameters(), 38.3e6);
    close(TransformerConfig::new(12).with_width(512, 8).parameters(), 63.1e6);
}

#[test]
fn a_hop_between_windows_is_no_sample() {
    for hop_s in [1e-4, 0.0, -1.0, f64::NAN] {
        let other_lengths = OtherLengths::Windows { hop_s, pooling: Default::default() };
        assert!(refused(MuscallConfig { other_lengths, ..MuscallConfig::tiny() }).contains("from 0.01 s"), "{hop_s}");
    }
}
