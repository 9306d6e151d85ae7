//! How loud a file says its music is.

use std::path::Path;

use lofty::config::ParseOptions;
use lofty::file::{FileType, TaggedFileExt};
use lofty::id3::v2::Frame;
use lofty::mp4::{AtomData, AtomIdent};
use lofty::probe::Probe;
use lofty::tag::ItemKey;

use super::opened::open;
use crate::{AudioError, guarded};

/// What a player adds to the level of a track, or of all of its album, so that all sound alike. None is what a file does not
/// say.
///
/// # Source
/// The ReplayGain 2.0 specification for the names and the first four, RFC 7845 (section 5.2.1) for the last two.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Gains {
    /// `REPLAYGAIN_TRACK_GAIN`, in dB: what brings the track to −18 LUFS.
    pub track_db: Option<f64>,
    /// `REPLAYGAIN_TRACK_PEAK`: the largest absolute sample, 1 at full scale.
    pub track_peak: Option<f64>,
    /// `REPLAYGAIN_ALBUM_GAIN`, in dB.
    pub album_db: Option<f64>,
    /// `REPLAYGAIN_ALBUM_PEAK`.
    pub album_peak: Option<f64>,
    /// `R128_TRACK_GAIN` of Opus, in dB: what brings the track to −23 LUFS, beside the gain of the header.
    pub r128_track_db: Option<f64>,
    /// `R128_ALBUM_GAIN` of Opus, in dB.
    pub r128_album_db: Option<f64>,
}

/// Reads what a file says of its loudness: in ID3v2, Vorbis comments, APEv2 or MP4, under names in letters of any case.
/// Nothing is measured.
///
/// # Errors
/// [`AudioError`] if the file cannot be opened. What has no tags, or damaged ones, says nothing.
pub fn file_gains(path: &Path) -> Result<Gains, AudioError> {
    open(path)?;
    let read = guarded(path, "reading the tags", || texts(path).unwrap_or_default());
    let mut found = Gains::default();
    for (name, text) in read.unwrap_or_default() {
        found.take(&name, &text);
    }
    Ok(found)
}

impl Gains {
    /// Keeps the first of each kind: a file's own tag comes before an older one beside it.
    fn take(&mut self, name: &str, text: &str) {
        let (place, value) = match name.to_ascii_uppercase().as_str() {
            "REPLAYGAIN_TRACK_GAIN" => (&mut self.track_db, decibel(text)),
            "REPLAYGAIN_ALBUM_GAIN" => (&mut self.album_db, decibel(text)),
            "REPLAYGAIN_TRACK_PEAK" => (&mut self.track_peak, peak(text)),
            "REPLAYGAIN_ALBUM_PEAK" => (&mut self.album_peak, peak(text)),
            "R128_TRACK_GAIN" => (&mut self.r128_track_db, fixed(text)),
            "R128_ALBUM_GAIN" => (&mut self.r128_album_db, fixed(text)),
            _ => return,
        };
        *place = place.or(value);
    }
}

/// Of `-7.03 dB`. No gain is beyond 100 dB.
fn decibel(text: &str) -> Option<f64> {
    let text = text.trim();
    let number = match text.get(text.len().saturating_sub(2)..) {
        Some(unit) if unit.eq_ignore_ascii_case("db") => text[..text.len() - 2].trim_end(),
        _ => text,
    };
    // Some programs write a comma where they are.
    number.replace(',', ".").parse().ok().filter(|gain: &f64| gain.abs() <= 100.0)
}

fn peak(text: &str) -> Option<f64> {
    text.trim().replace(',', ".").parse().ok().filter(|peak: &f64| (0.0..1000.0).contains(peak))
}

/// A whole number of 256th of a dB, in 16 bits.
fn fixed(text: &str) -> Option<f64> {
    text.trim().parse::<i16>().ok().map(|gain| f64::from(gain) / 256.0)
}

/// Names and values of all texts that may be a gain.
fn texts(path: &Path) -> Option<Vec<(String, String)>> {
    const KEYS: [(ItemKey, &str); 4] = [
        (ItemKey::ReplayGainTrackGain, "REPLAYGAIN_TRACK_GAIN"),
        (ItemKey::ReplayGainTrackPeak, "REPLAYGAIN_TRACK_PEAK"),
        (ItemKey::ReplayGainAlbumGain, "REPLAYGAIN_ALBUM_GAIN"),
        (ItemKey::ReplayGainAlbumPeak, "REPLAYGAIN_ALBUM_PEAK"),
    ];
    let options = ParseOptions::new().read_properties(false).read_cover_art(false);
    let probe = || Probe::open(path).ok()?.options(options).guess_file_type().ok();
    let kind = probe()?.file_type()?;
    let mut found = own_texts(path, kind, options).unwrap_or_default();
    let file = probe()?.read().ok()?;
    let own = file.primary_tag_type();
    let (first, others): (Vec<_>, Vec<_>) = file.tags().iter().partition(|tag| tag.tag_type() == own);
    for tag in first.into_iter().chain(others) {
        for (key, name) in KEYS {
            found.extend(tag.get_string(key).map(|value| (name.to_owned(), value.to_owned())));
        }
    }
    Some(found)
}

/// Those that `lofty` has no common name for: of Opus, and where a program wrote the name in other letters than most.
fn own_texts(path: &Path, kind: FileType, options: ParseOptions) -> Option<Vec<(String, String)>> {
    use lofty::file::AudioFile as _;
    let mut file = std::fs::File::open(path).ok()?;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Some(match kind {
        FileType::Opus => {
            let opus = lofty::ogg::OpusFile::read_from(&mut file, options).ok()?;
            opus.vorbis_comments().items().map(owned).collect()
        }
        FileType::Mpeg => {
            let mpeg = lofty::mpeg::MpegFile::read_from(&mut file, options).ok()?;
            let frames = mpeg.id3v2().into_iter().flatten();
            frames
                .filter_map(|frame| match frame {
                    Frame::UserText(text) => Some((text.description.to_string(), text.content.to_string())),
                    _ => None,
                })
                .collect()
        }
        FileType::Mp4 => {
            let mp4 = lofty::mp4::Mp4File::read_from(&mut file, options).ok()?;
            let atoms = mp4.ilst().into_iter().flatten();
            atoms
                .filter_map(|atom| match (atom.ident(), atom.data().next()) {
                    (AtomIdent::Freeform { name, .. }, Some(AtomData::UTF8(text))) => Some(owned((name, text))),
                    _ => None,
                })
                .collect()
        }
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_numbers() {
        let texts = ["-7.03 dB", "+2.5dB", " 0.00 DB ", "-7,03 dB", "3", "", "dB", "loud", "1e9 dB", "NaN dB"];
        let numbers = [Some(-7.03), Some(2.5), Some(0.0), Some(-7.03), Some(3.0), None, None, None, None, None];
        assert_eq!(texts.map(decibel), numbers);
        assert_eq!(["0.988553", "1.2", "-1", "x"].map(peak), [Some(0.988_553), Some(1.2), None, None]);
        assert_eq!(["-1803", "256", "40000", "1.5"].map(fixed), [Some(-7.042_968_75), Some(1.0), None, None]);
        let mut gains = Gains::default();
        for (name, text) in
            [("replaygain_track_gain", "?"), ("Replaygain_Track_Gain", "-3 dB"), ("REPLAYGAIN_TRACK_GAIN", "1 dB")]
        {
            gains.take(name, text);
        }
        assert_eq!(gains, Gains { track_db: Some(-3.0), ..Gains::default() });
    }
}
