//! What a file is, and how its stream is read.

use muscall_files::FileError;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP3, CODEC_ID_OPUS,
};
use symphonia::core::errors::Error;
use symphonia::core::formats::well_known::{
    FORMAT_ID_ADTS, FORMAT_ID_FLAC, FORMAT_ID_ISOMP4, FORMAT_ID_MKV, FORMAT_ID_MP3, FORMAT_ID_OGG,
};

use super::super::bytes::Bytes;
use super::super::codec_name::codec_name;
use super::super::decoded::{AudioInfo, check_format};
use super::super::foreign::{Demuxer, Readers};
use super::super::heard::{Edits, Heard};
use super::super::letters::lettered;
use super::super::mpeg::{Kind, is_followed, is_mixed};
use super::super::named::named;
use super::super::ogg::outline;
use super::super::opened::Opened;
use super::super::own::Own;
use super::super::packets::Packets;
use super::super::source::AudioFile;
use super::super::{aac, flac, opus, samples};
use super::Stream;
use super::joined::Joined;
use crate::AudioError;

/// Of a file in which no reader finds anything.
const NO_FORMAT: &str = "its first bytes match no known format";

impl Stream {
    pub(in crate::decode) fn open(opened: Opened<'_>, readers: Readers) -> Result<Self, AudioError> {
        let path = opened.path;
        let io = FileError::reading(path);
        let unknown = |error: Error| {
            let reason = match error {
                // By symphonia's probe, in words about itself.
                Error::Unsupported(what) if what.contains("(probe)") => NO_FORMAT.to_owned(),
                error => error.to_string(),
            };
            AudioError::UnknownFormat { path: path.to_owned(), reason }
        };
        let bytes = opened.bytes();
        let mut opened = opened;
        let edits = Edits::read(&mut opened.file, bytes).map_err(io)?;
        let outline = outline(&mut opened.file, bytes).map_err(io)?;
        let mut file = opened.file.clone();
        let name = named(&mut opened.file).map_err(io)?;
        let (source, findings) = AudioFile::new(opened.file, bytes).map_err(io)?;
        // A reader may see noise in such a file.
        if let (Some(name), None) = (name, source.samples) {
            return Err(AudioError::UnknownFormat { path: path.to_owned(), reason: name.to_owned() });
        }
        if let Some(lacks) = findings.lacks {
            return Err(AudioError::Incomplete { path: path.to_owned(), lacks, missing: findings.watch.missing() });
        }
        if source.samples.is_none()
            && let Some(name) = samples::foreign(&mut file).map_err(io)?
        {
            return Err(AudioError::UnsupportedCodec { path: path.to_owned(), what: name });
        }
        let (layout, samples, end) = (source.flac, source.samples, source.bytes);
        // A reader that does not know a codec says only that there is none.
        let codec = edits.codec();
        let without = |error: Error| match (codec, &error) {
            (Some(letters), Error::Unsupported(_)) if letters != *b"mp4a" => {
                AudioError::UnsupportedCodec { path: path.to_owned(), what: lettered(letters) }
            }
            _ => unknown(error),
        };
        let mut demuxer = Demuxer::open(path, source, readers)?.map_err(without)?;
        findings.watch.begin();
        let (track, parameters) = demuxer.audio_track()?.map_err(without)?;
        let unsupported = |what: String| AudioError::UnsupportedCodec { path: path.to_owned(), what };
        let codec = parameters.codec;
        if let Some(name) = codec_name(codec) {
            return Err(unsupported(name.to_owned()));
        }
        if codec == CODEC_ID_FLAC && parameters.bits_per_sample == Some(32) {
            return Err(unsupported("32-bit FLAC".to_owned()));
        }
        let config = parameters.extra_data.as_deref().filter(|_| codec == CODEC_ID_AAC).and_then(aac::Config::parse);
        if let Some(foreign) = config.as_ref().and_then(|config| config.foreign.clone()) {
            return Err(unsupported(foreign));
        }
        let sample_rate = match config {
            // The entry of an MP4 cannot hold rates above 65,535 Hz, and may hold none.
            Some(config) => config.rate,
            // Matroska tells the rate of what was encoded.
            None if codec == CODEC_ID_OPUS => opus::RATE_HZ,
            None => parameters.sample_rate.unwrap_or(0),
        };
        let channels = parameters.channels.as_ref().map_or(1, |channels| channels.count());
        check_format(path, sample_rate, channels)?;
        let decoder = demuxer.decoder(&parameters)?.map_err(|error| unsupported(error.to_string()))?;
        let is_mp3 = codec == CODEC_ID_MP3;
        let is_mp3_file = is_mp3 && demuxer.container == FORMAT_ID_MP3;
        let first = Kind { rate: sample_rate, channels: channels as u16 };
        let is_mixed = is_mp3_file && is_mixed(&mut file, end, first).map_err(io)?;
        let is_followed = is_mp3_file && is_followed(&mut file, end).map_err(io)?;
        let joined = is_mp3_file.then(|| Joined::new(first));
        // Without the encoder's own tag the length of an mp3 is a guess from its first frames, as is that of raw AAC.
        let padding = track.padding.filter(|_| is_mp3).map(u64::from);
        let is_guess = is_mp3 && padding.is_none() || [FORMAT_ID_ADTS, FORMAT_ID_MKV].contains(&demuxer.container);
        // An index may be that of the first fragments only.
        let is_guess = is_guess || findings.ticks.zip(track.num_frames).is_some_and(|(ticks, frames)| frames < ticks);
        // What a stream declares is not the length of a file in which another one follows.
        let declared = samples.map(|samples| samples.declared_frames()).or(track.num_frames).filter(|frames| {
            !is_guess && !outline.is_chained && !is_mixed && (1..u64::from(u32::MAX) * 16).contains(frames)
        });
        let pages = Bytes::new(file.clone(), end);
        // Files of FLAC and ADTS have readers of our own.
        let own = match (demuxer.container, layout) {
            (FORMAT_ID_FLAC, Some(layout)) if codec == CODEC_ID_FLAC => {
                Some(Own::Flac(flac::Frames::open(file, end, layout).map_err(io)?))
            }
            (FORMAT_ID_ADTS, _) => aac::Frames::open(file, end).map_err(io)?.map(Own::Aac),
            _ => None,
        };
        if let Some(foreign) = own.as_ref().and_then(Own::foreign) {
            return Err(unsupported(foreign.to_owned()));
        }
        // The search for holes does not handle chained files.
        let pages = (demuxer.container == FORMAT_ID_OGG && !outline.is_chained).then_some(pages);
        let mut packets = Packets::new(demuxer, own, pages, &track, &parameters, sample_rate);
        packets.delay(&findings.late);
        let declared = match declared {
            Some(declared) if codec == CODEC_ID_ALAC && !packets.ends_on_time(declared)? => None,
            declared => declared,
        };
        packets.anchor()?;
        if packets.has_sbr()? {
            return Err(unsupported(aac::HE_AAC.to_owned()));
        }
        packets.declare(declared);
        if let (Some(length_s), Some(_)) = (findings.length_s, findings.watch.missing()) {
            packets.declared = Some((length_s * f64::from(sample_rate)) as u64);
        }
        // The header may be that of the file that this one was cut from. Of FLAC, the numbers of its frames tell that.
        let is_sure = match codec {
            CODEC_ID_FLAC => packets.own.as_ref().is_some_and(Own::is_whole),
            _ => !packets.is_cut() && samples.is_none_or(|samples| samples.is_whole()),
        } && findings.watch.missing().is_none()
            && !is_followed;
        let info = AudioInfo {
            codec: decoder.codec.clone(),
            sample_rate,
            channels: channels as u16,
            declared_frames: packets.declared.filter(|_| is_sure),
        };
        let mut heard =
            if packets.demuxer.container == FORMAT_ID_ISOMP4 { edits.heard(sample_rate) } else { Heard::default() };
        // The decoder leaves that out by itself.
        heard.start = heard.start.saturating_sub(packets.skip.unsigned_abs());
        let (position, last_padding, taken_back, is_at_start, errors) = (0, 0, 0, true, 0);
        Ok(Self {
            packets,
            decoder,
            info,
            heard,
            padding,
            position,
            last_padding,
            taken_back,
            is_at_start,
            has_end: outline.has_end,
            watch: findings.watch,
            joined,
            is_mixed,
            errors,
            repairs: findings.repairs,
        })
    }
}
