//! `dev-ca --pebble`: the test CA for scripts written for Pebble.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use acme_testca::{Pebble, TestCa};
use jiff::Timestamp;

use super::LONG;
use crate::commands::CommandError;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::pebble::{Flag, Flags, PebbleConfig, PebbleError, loopback};

pub(super) fn run(context: &Context, words: &[OsString]) -> Result<Status, Error> {
    let flags = Flags::parse(words, &FLAGS).map_err(CommandError::Pebble)?;
    let config = match flags.value("config") {
        Some(path) => PebbleConfig::read(Path::new(path)).map_err(CommandError::Pebble)?,
        None => PebbleConfig::default(),
    };
    log(context, "Starting Pebble ACME server");
    note_what_differs(context, &config);
    let ca = start(&config, flags.value("dnsserver"))?;
    if let Some(management) = ca.management_address() {
        log(context, format_args!("Management interface listening on: {management}"));
        log(context, format_args!("Root CA certificate available at: https://{management}/roots/0"));
    }
    log(context, format_args!("Listening on: {}", ca.address()));
    log(context, format_args!("ACME directory available at: {}", ca.directory_url()));
    while context.signals.wait(LONG).is_ok() {}
    // To end is what the signal asks for: that is no failure.
    Ok(Status::Done)
}

fn start(config: &PebbleConfig, dns: Option<&str>) -> Result<TestCa, Error> {
    let first = |text: &str| {
        let addresses = loopback(text).map_err(CommandError::Pebble)?;
        addresses
            .into_iter()
            .next()
            .ok_or_else(|| CommandError::Pebble(PebbleError::Address { text: text.to_owned() }))
    };
    let listen = first(&config.listen_address)?;
    let mut pebble = Pebble::new(first(&config.management_listen_address)?);
    if let (Some(certificate), Some(key)) = (&config.certificate, &config.private_key) {
        pebble = pebble.certificate(read(certificate)?, read(key)?);
    }
    let mut builder = TestCa::builder()
        .config(config.config().map_err(CommandError::Pebble)?)
        .listen(listen)
        .http_port(config.http_port)
        .tls_port(config.tls_port);
    if let Some(server) = dns.filter(|server| !server.is_empty()) {
        builder = builder.dns(first(server)?);
        pebble = pebble.resolve_by_dns();
    }
    Ok(builder.pebble(pebble).start().map_err(|error| super::start_error(listen, error))?)
}

fn read(path: &Path) -> Result<String, CommandError> {
    let failed = |source| CommandError::Pebble(PebbleError::File { path: path.to_path_buf(), source });
    fs::read_to_string(path).map_err(failed)
}

/// Says what the configuration asks for and does not get.
fn note_what_differs(context: &Context, config: &PebbleConfig) {
    if !config.ocsp_responder_url.is_empty() {
        context.output.warn("certificates name no OCSP responder here; ocspResponderURL is left alone");
    }
    if config.key_algorithm == "rsa" {
        context.output.warn("the keys of this CA are ECDSA; keyAlgorithm is left alone");
    }
}

/// A line as Pebble's log has it: scripts wait for some of them.
fn log(context: &Context, line: impl std::fmt::Display) {
    let now = Timestamp::now().strftime("%Y/%m/%d %H:%M:%S").to_string();
    context.output.result(format_args!("Pebble {now} {line}"));
}

/// All validations are as strict as can be, with `-strict` or without it.
const FLAGS: [Flag; 3] = [Flag::Value("config"), Flag::Value("dnsserver"), Flag::Switch("strict")];
