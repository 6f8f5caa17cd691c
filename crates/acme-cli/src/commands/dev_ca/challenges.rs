//! `dev-ca --challtestsrv`: answers to challenges, for scripts written for `pebble-challtestsrv`.

use std::ffi::OsString;
use std::fmt::Display;
use std::net::SocketAddr;
use std::str::FromStr;

use acme_testca::{ChallengeServer, ChallengeServerBuilder};
use jiff::Timestamp;

use super::LONG;
use crate::commands::CommandError;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::pebble::{Flag, Flags, PebbleError, loopback};

pub(super) fn run(context: &Context, words: &[OsString]) -> Result<Status, Error> {
    let flags = Flags::parse(words, &FLAGS).map_err(CommandError::Pebble)?;
    if flags.value("doh").is_some_and(|address| !address.is_empty()) {
        context.output.warn("there is no DNS over HTTPS here; -doh is left alone");
    }
    let server = start(&flags)?;
    for (what, address) in [
        ("HTTP-01", server.http()),
        ("TLS-ALPN-01", server.tls()),
        ("DNS-01", server.dns()),
        ("management", server.management()),
    ] {
        if let Some(address) = address {
            log(context, format_args!("Starting {what} server on {address}"));
        }
    }
    while context.signals.wait(LONG).is_ok() {}
    // To end is what the signal asks for: that is no failure.
    Ok(Status::Done)
}

/// What a place is for.
type Listen = fn(ChallengeServerBuilder, SocketAddr) -> ChallengeServerBuilder;

fn start(flags: &Flags) -> Result<ChallengeServer, CommandError> {
    let value = |name, default| flags.value(name).unwrap_or(default);
    let dns = flags.value("dnsserver").unwrap_or_else(|| value("dns01", ":8053"));
    let mut builder = ChallengeServer::builder().default_addresses(
        default(flags, "defaultIPv4", "127.0.0.1")?,
        default(flags, "defaultIPv6", "::1")?,
    );
    let places: [(&str, Listen); 5] = [
        (value("management", ":8055"), ChallengeServerBuilder::management),
        (value("http01", ":5002"), ChallengeServerBuilder::http),
        (value("https01", ":5003"), ChallengeServerBuilder::tls),
        (value("tlsalpn01", ":5001"), ChallengeServerBuilder::tls),
        (dns, ChallengeServerBuilder::dns),
    ];
    let mut first = None;
    for (list, listen) in places {
        for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            for address in loopback(text).map_err(CommandError::Pebble)? {
                first.get_or_insert(address);
                builder = listen(builder, address);
            }
        }
    }
    let somewhere = first.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    builder.start().map_err(|error| super::start_error(somewhere, error))
}

/// An address that is given, or empty for none.
fn default<T: FromStr>(flags: &Flags, name: &str, usual: &str) -> Result<Option<T>, CommandError> {
    let text = flags.value(name).unwrap_or(usual);
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |_| CommandError::Pebble(PebbleError::Address { text: text.to_owned() });
    text.parse().map(Some).map_err(wrong)
}

fn log(context: &Context, line: impl Display) {
    let now = Timestamp::now().strftime("%Y/%m/%d %H:%M:%S").to_string();
    context.output.result(format_args!("pebble-challtestsrv - {now} {line}"));
}

const FLAGS: [Flag; 11] = [
    Flag::Value("defaultIPv4"),
    Flag::Value("defaultIPv6"),
    Flag::Value("dns01"),
    Flag::Value("dnsserver"),
    Flag::Value("doh"),
    Flag::Value("doh-cert"),
    Flag::Value("doh-cert-key"),
    Flag::Value("http01"),
    Flag::Value("https01"),
    Flag::Value("management"),
    Flag::Value("tlsalpn01"),
];
