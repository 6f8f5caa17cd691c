//! Where the log goes.

use std::fs::{File, OpenOptions};
use std::path::Path;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::error::Error;

/// Sends the log to standard error, if it was asked for, and to a file, if there is one.
pub(crate) fn start(verbosity: u8, file: Option<&Path>) -> Result<(), Error> {
    let level = match verbosity {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let to_stderr =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_filter(level);
    let to_file = file.map(open).transpose()?.map(|file| {
        let level = level.max(LevelFilter::DEBUG);
        tracing_subscriber::fmt::layer().with_writer(file).with_ansi(false).with_filter(level)
    });
    tracing_subscriber::registry().with(to_stderr).with(to_file).init();
    Ok(())
}

fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(|source| Error::File { path: path.to_path_buf(), source })
}
