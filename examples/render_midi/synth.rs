//! A MIDI file to samples. Every call of rustysynth is made here, and guarded: it panics over some files, such as one
//! without tracks.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufReader, Cursor};
use std::path::Path;
use std::sync::Arc;

use muscall::audio::guarded;
use rustysynth::{MidiFile, MidiFileSequencer, SoundFont, SoundFontError, Synthesizer, SynthesizerSettings};

/// The instruments.
pub struct Instruments(Arc<SoundFont>);

impl Instruments {
    /// Reads a SoundFont 2 file.
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let at = |error: &dyn Error| format!("{}: {error}", path.display());
        let mut file = BufReader::new(File::open(path).map_err(|error| at(&error))?);
        let font =
            guarded(path, "reading the instruments", || SoundFont::new(&mut file))?.map_err(|error| match error {
                SoundFontError::UnsupportedSampleFormat => {
                    format!(
                        "{}: its samples are compressed (SoundFont 3); save it as SoundFont 2, with Polyphone say",
                        path.display()
                    )
                }
                error => format!("{}; expected a SoundFont 2 file (.sf2)", at(&error)),
            })?;
        Ok(Self(Arc::new(font)))
    }

    /// The sum of both channels, at `sample_rate` Hz, and at most `longest_s` of it.
    pub fn render(&self, midi: &Path, sample_rate: i32, longest_s: f64) -> Result<Vec<f32>, Box<dyn Error>> {
        let at = |error: &dyn Error| format!("{}: {error}", midi.display());
        let bytes = fs::read(midi).map_err(|error| at(&error))?;
        check_division(&bytes).map_err(|reason| format!("{}: {reason}", midi.display()))?;
        let render = || -> Result<Vec<f32>, Box<dyn Error>> {
            let piece = Arc::new(MidiFile::new(&mut Cursor::new(bytes))?);
            let settings = SynthesizerSettings::new(sample_rate);
            let mut sequencer = MidiFileSequencer::new(Synthesizer::new(&self.0, &settings)?);
            sequencer.play(&piece, false);
            // A second for the last notes to ring.
            let seconds = (piece.get_length() + 1.0).min(longest_s);
            let frames = (seconds * f64::from(sample_rate)) as usize;
            let (mut left, mut right) = (vec![0.0_f32; frames], vec![0.0_f32; frames]);
            sequencer.render(&mut left, &mut right);
            left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
            Ok(left)
        };
        guarded(midi, "rendering", render)?.map_err(|error| at(&*error).into())
    }
}

/// Whether ticks are parts of a beat. Those of a frame of film have a negative number in the header, and rustysynth 1.3.8 takes
/// it for one of beats.
fn check_division(midi: &[u8]) -> Result<(), String> {
    match midi.get(12..14) {
        Some(&[frames, ticks]) if midi.starts_with(b"MThd") && frames >= 0x80 => Err(format!(
            "its ticks are parts of a frame ({} frames of {ticks} ticks per second, SMPTE), not of a beat; save it with ticks per quarter note",
            frames.wrapping_neg()
        )),
        _ => Ok(()),
    }
}
