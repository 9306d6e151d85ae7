//! Windows of a recording that share one feature map.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../../tests/golden/moved.rs"]
mod moved;

use burn::tensor::{Device, Tensor, TensorData};
use moved::moved;
use muscall_audio::{Clip, LogMelConfig};
use muscall_model::audio::{CrnnConfig, Pooling, ResNetConfig};
use muscall_model::text::TransformerConfig;
use muscall_model::{ClipTokenizer, ModelError, Muscall, MuscallConfig, OtherLengths, Segments, Track};
use muscall_vectors::mean_direction;

fn config(width: usize, pooling: Pooling, n_mels: usize) -> MuscallConfig {
    let audio = ResNetConfig::new(width).with_hidden(24).with_pooling(pooling);
    let text = TransformerConfig::new(1).with_width(24, 3);
    let log_mel = LogMelConfig::new(n_mels);
    let config =
        MuscallConfig { clip_s: 3.0, log_mel, audio: audio.into(), text: text.into(), ..MuscallConfig::tiny() };
    config.with_segments(Segments::Shared)
}

fn model(config: MuscallConfig) -> Muscall {
    let device = Device::flex();
    let network = moved(&config, &device);
    Muscall::new(config, &network, ClipTokenizer::new().unwrap(), &device).unwrap()
}

/// Tones that wander, with passages of near silence.
fn music(samples: usize) -> Vec<f32> {
    let wave = |i: f64, hz: f64| (std::f64::consts::TAU * hz * i / 16_000.0).sin();
    let sample = |i: f64| {
        let loudness = if (i / 70_000.0) as usize % 3 == 2 { 1e-6 } else { 1.0 };
        loudness * (0.3 * wave(i, 220.0 + 0.002 * i) + 0.2 * wave(i, 3.0) * wave(i, 1760.0))
    };
    (0..samples).map(|i| sample(i as f64) as f32).collect()
}

fn whole(samples: &[f32]) -> Clip {
    Clip { samples: samples.to_vec(), valid: samples.len(), start_s: 0.0, repairs: Vec::new() }
}

fn assert_close(found: &Track, expected: &Track, tolerance: f32) {
    assert_eq!(found.starts, expected.starts);
    for (found, expected) in found.windows.values().iter().zip(expected.windows.values()) {
        assert!((found - expected).abs() < tolerance, "{found} {expected}");
    }
}

/// Both poolings, channels for Winograd's transforms and without, bands of which poolings leave out the last.
fn configs() -> Vec<MuscallConfig> {
    [(8, Pooling::Attention, 64), (6, Pooling::Average, 80), (32, Pooling::Attention, 40)]
        .map(|(width, pooling, n_mels)| config(width, pooling, n_mels))
        .to_vec()
}

#[test]
fn vectors_depend_neither_on_pieces_nor_on_threads_to_the_bit() {
    let mut lengths = [1, 999, 48_001, 7, 90_000, 20_000].into_iter().cycle();
    for config in configs() {
        let model = model(config);
        for samples in [48_001, 100_000, 333_333, 700_000] {
            let samples = music(samples);
            let expected = model.embed_track(&whole(&samples)).unwrap();
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let (mut pass, mut rest) = (model.track_pass().unwrap(), samples.as_slice());
                while !rest.is_empty() {
                    let (piece, left) = rest.split_at(lengths.next().unwrap().min(rest.len()));
                    pool.install(|| pass.push(piece)).unwrap();
                    rest = left;
                }
                assert_eq!(pool.install(|| pass.finish()).unwrap(), expected);
            }
        }
    }
}

#[test]
fn a_pass_that_ended_early_continues_to_the_same_bits() {
    for config in configs() {
        let dim = config.projection_dim;
        let model = model(config);
        let samples = music(700_000);
        let expected = model.embed_track(&whole(&samples)).unwrap();
        for windows in [0, 1, 2, 11, expected.starts.len() - 2, expected.starts.len() - 1] {
            let so_far = &expected.windows.values()[..windows * dim];
            let mut pass = model.continue_pass(so_far.to_vec()).unwrap();
            samples.chunks(50_000).for_each(|piece| pass.push(piece).unwrap());
            assert!(pass.so_far().starts_with(so_far));
            assert_eq!(pass.finish().unwrap(), expected, "{windows}");
        }
        // What burn's operators compute begins at the beginning.
        let tiles = model.clone().with_kernels(false);
        let expected = tiles.embed_track(&whole(&samples)).unwrap();
        let mut pass = tiles.continue_pass(expected.windows.values()[..5 * dim].to_vec()).unwrap();
        pass.push(&samples).unwrap();
        assert_eq!(pass.finish().unwrap(), expected);
        let error = model.continue_pass(vec![0.0; dim + 1]).unwrap_err().to_string();
        assert!(error.contains("so_far"), "{error}");
        // Of another, shorter recording.
        let mut pass = model.continue_pass(expected.windows.values().to_vec()).unwrap();
        pass.push(&samples[..100_000]).unwrap();
        assert!(pass.finish().unwrap_err().to_string().contains("shorter"));
    }
}

#[test]
fn separate_windows_of_a_stream_are_those_of_the_whole_to_the_bit() {
    let model = model(configs().remove(0).with_segments(Segments::Separate));
    // A window and less, batches, and a last window between two hops.
    for samples in [20_000, 48_000, 48_001, 50 * 24_000, 999_999, 63 * 24_000 + 48_000] {
        let samples = music(samples);
        let mut pass = model.window_pass();
        samples.chunks(77_777).for_each(|piece| pass.push(piece).unwrap());
        assert_eq!(pass.finish().unwrap(), model.embed_track(&whole(&samples)).unwrap());
    }
    assert!(matches!(model.window_pass().finish().unwrap_err(), ModelError::Audio(_)));
}

/// The definition, by burn's operators on the recording as one image: the map of all of it, and windows of that.
#[test]
fn windows_are_parts_of_the_map_of_the_whole_recording() {
    for config in configs() {
        let model = model(config);
        let samples = music(400_000);
        let found = model.embed_track(&whole(&samples)).unwrap();
        let (mut stream, mut frames) = (model.frontend().stream(94), Vec::new());
        stream.push(&samples, &mut frames).unwrap();
        stream.finish(&mut frames).unwrap();
        let n_mels = model.config().log_mel.n_mels;
        let count = frames.len() / n_mels;
        assert_eq!((count, model.config().log_mel.frames(48_000)), (782, 94));
        let network = model.model().unwrap();
        let data = TensorData::new(frames, [1, count, n_mels]);
        let mel = Tensor::<3>::from_data(data, model.device()).swap_dims(1, 2);
        let encoder = network.audio.time_map().unwrap();
        let map = encoder.map(mel);
        // 94 frames are two columns; a window every 1.5 s, which is rounded to one column of 1.024 s.
        let columns = map.dims()[3];
        assert_eq!(columns, 24);
        let starts: Vec<usize> = (0..=columns - 2).collect();
        assert_eq!(found.starts, starts.iter().map(|start| start * 16_384).collect::<Vec<_>>());
        let projection = network.audio_projection.as_ref().unwrap();
        for (row, start) in starts.into_iter().enumerate() {
            let pooled = projection.forward(encoder.pool(map.clone().narrow(3, start, 2)));
            let pooled: Vec<f32> = pooled.into_data().try_into_vec().unwrap();
            let norm = pooled.iter().map(|x| x * x).sum::<f32>().sqrt();
            for (found, expected) in found.windows.row(row).iter().zip(pooled) {
                assert!((found - expected / norm).abs() < 2e-5, "{found} {}", expected / norm);
            }
        }
    }
}

#[test]
fn burns_operators_agree_in_tiles() {
    for config in configs() {
        let model = model(config);
        // Less than a tile, several, and a few columns behind the last one.
        for samples in [60_000, 550_000, 1_100_000] {
            let samples = whole(&music(samples));
            let expected = model.clone().with_kernels(false).embed_track(&samples).unwrap();
            assert_close(&model.embed_track(&samples).unwrap(), &expected, 2e-5);
        }
    }
}

#[test]
fn a_recording_of_one_window_is_a_clip() {
    for config in configs() {
        let separate = model(config.clone().with_segments(Segments::Separate));
        let model = model(config);
        for samples in [100, 20_000, 48_000] {
            let samples = music(samples);
            let track = model.embed_track(&whole(&samples)).unwrap();
            assert_eq!(track.starts, [0]);
            let padded = muscall_audio::Padding::Zeros.fit(&samples, 48_000);
            assert_eq!(track.windows, model.embed_clips(&[&padded]).unwrap());
            // The same network, with sums in another order.
            let clip = separate.embed_clips(&[&padded]).unwrap();
            let clip = Track { starts: vec![0], windows: clip };
            assert_close(&track, &clip, 2e-5);
        }
        let error = model.embed_track(&whole(&[])).unwrap_err();
        assert!(matches!(error, ModelError::Audio(_)), "{error}");
    }
}

#[test]
fn a_whole_file_is_the_mean_of_its_windows() {
    let model = model(configs().remove(0));
    let clips = [20_000, 48_000, 150_000, 400_000].map(music);
    let embedded = model.in_windows().embed_clips(&clips).unwrap();
    for (row, clip) in clips.iter().enumerate() {
        let track = model.embed_track(&whole(clip)).unwrap();
        assert_eq!(embedded.row(row), mean_direction(track.windows.view()));
        assert_eq!(embedded.row(row), track.mean());
    }
    let mut spoilt = music(100_000);
    spoilt[70_000] = f32::NAN;
    let error = model.in_windows().embed_clips(&[&clips[3], &spoilt]).unwrap_err();
    assert!(error.to_string().contains("70000"), "{error}");
}

#[test]
fn a_hop_is_at_least_a_column_and_the_last_window_ends_with_the_map() {
    let config = MuscallConfig { segment_hop_s: Some(0.1), ..configs().remove(0) };
    let track = model(config).embed_track(&whole(&music(200_000))).unwrap();
    assert_eq!(track.starts, (0..=10).map(|column| column * 16_384).collect::<Vec<_>>());
    let config = MuscallConfig { segment_hop_s: Some(3.0), ..configs().remove(0) };
    let track = model(config).embed_track(&whole(&music(200_000))).unwrap();
    assert_eq!(track.starts, [0, 3, 6, 9, 10].map(|column| column * 16_384));
}

#[test]
fn other_encoders_and_models_say_that_they_have_no_such_map() {
    let separate = model(configs().remove(0).with_segments(Segments::Separate));
    let error = separate.track_pass().unwrap_err().to_string();
    assert!(error.contains("segments"), "{error}");
    let crnn = MuscallConfig { audio: CrnnConfig::default().into(), ..config(8, Pooling::Average, 64) };
    let error = crnn.validate().unwrap_err().to_string();
    assert!(error.contains("segments") && error.contains("shared"), "{error}");
    // What windows are is part of the space; how a recording that is no window becomes a vector is another matter.
    let shared = model(configs().remove(0));
    assert!(!separate.fingerprint().unwrap().accepts(shared.fingerprint().unwrap().name()));
    assert_eq!(shared.config().other_lengths, OtherLengths::Interpolate);
}
