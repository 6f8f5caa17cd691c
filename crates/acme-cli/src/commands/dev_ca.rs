//! `dev-ca`: the test CA on loopback, for other programs.

mod challenges;
mod pebble;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use acme_testca::{Script, TestCa};
use rustix::process::{WaitId, WaitIdOptions};
use serde_json::json;

use super::{CommandError, file};
use crate::args::DevCaArgs;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::settings;
use crate::signals;

pub(crate) fn run(context: &Context, args: DevCaArgs) -> Result<Status, Error> {
    if let Some(words) = &args.pebble {
        return pebble::run(context, words);
    }
    if let Some(words) = &args.challtestsrv {
        return challenges::run(context, words);
    }
    let ports = Ports::choose(&args)?;
    let ca = start(&args, &ports)?;
    let root_out = args.root_out.as_deref().map(settings::absolute).transpose()?;
    if let Some(path) = &root_out {
        file::replace(path, ca.root_pem().as_bytes(), 0o644)?;
    }
    match args.command.split_first() {
        Some((program, arguments)) => {
            let root = match root_out {
                Some(path) => RootFile::Given(path),
                None => RootFile::make(context, ca.root_pem())?,
            };
            context.output.progress(format_args!("the test CA is ready: {}", ca.directory_url()));
            command(context, program, arguments, &variables(&ca, root.path(), &ports))
        }
        None => {
            context.output.result(ca.directory_url());
            context.output.event(
                "dev_ca",
                json!({
                    "outcome": "ready",
                    "directory_url": ca.directory_url(),
                    "root_file": root_out,
                    "root_pem": ca.root_pem(),
                    "http_port": ports.http,
                    "tls_port": ports.tls,
                }),
            );
            if root_out.is_none() {
                context.output.progress("note: clients must trust its root, which --root-out FILE writes");
            }
            while context.signals.wait(LONG).is_ok() {}
            // To end is what the signal asks for: that is no failure.
            Ok(Status::Done)
        }
    }
}

fn start(args: &DevCaArgs, ports: &Ports) -> Result<TestCa, Error> {
    let port = if args.command.is_empty() { PORT } else { 0 };
    let listen = args.listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let mut builder =
        TestCa::builder().seed(args.seed).listen(listen).http_port(ports.http).tls_port(ports.tls);
    if let Some(server) = args.dns {
        builder = builder.dns(server);
    }
    if args.gentle {
        builder = builder.gentle();
    }
    for rule in &args.resolve {
        builder = builder.resolve(rule);
    }
    if let Some(path) = &args.script {
        let text = fs::read_to_string(path).map_err(|source| Error::File { path: path.clone(), source })?;
        builder = builder.script(Script::from_toml(&text).map_err(CommandError::TestCa)?);
    }
    Ok(builder.start().map_err(|error| start_error(listen, error))?)
}

fn start_error(address: SocketAddr, error: acme_testca::Error) -> CommandError {
    if let acme_testca::Error::Serve { source, .. } = error {
        return CommandError::Listen { address, source };
    }
    CommandError::TestCa(error)
}

/// Where the CA looks for the responses to challenges.
struct Ports {
    http: u16,
    tls: u16,
}

impl Ports {
    /// Those that were asked for; else the usual ones, or free ones for a program that is told: two
    /// such programs may run at once.
    fn choose(args: &DevCaArgs) -> Result<Self, Error> {
        let free = if args.command.is_empty() { None } else { Some(free_ports()?) };
        let (http, tls) = free.unwrap_or((HTTP_PORT, TLS_PORT));
        Ok(Self { http: args.http_port.unwrap_or(http), tls: args.tls_port.unwrap_or(tls) })
    }
}

/// Two ports that nobody has at the moment.
fn free_ports() -> Result<(u16, u16), CommandError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listen = || TcpListener::bind(address);
    let ports = || {
        // Both are held until both are known, so that they differ.
        let listeners = (listen()?, listen()?);
        Ok((listeners.0.local_addr()?.port(), listeners.1.local_addr()?.port()))
    };
    ports().map_err(|source: io::Error| CommandError::Listen { address, source: Box::new(source) })
}

/// What clients read: where the directory is, and whom to trust for it.
fn variables(ca: &TestCa, root: &Path, ports: &Ports) -> Vec<(&'static str, OsString)> {
    let url = OsString::from(ca.directory_url());
    let urls = DIRECTORY_VARIABLES.map(|name| (name, url.clone()));
    let roots = ROOT_VARIABLES.map(|name| (name, root.as_os_str().to_owned()));
    let reach = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.http));
    let reach = [
        ("ACME_HTTP_PORT", ports.http.to_string()),
        ("ACME_HTTP_REACH", reach.to_string()),
        ("ACME_TLS_PORT", ports.tls.to_string()),
    ]
    .map(|(name, value)| (name, OsString::from(value)));
    urls.into_iter().chain(roots).chain(reach).collect()
}

/// Runs a program to its end, and ends as it does.
fn command(
    context: &Context,
    program: &OsString,
    arguments: &[OsString],
    variables: &[(&'static str, OsString)],
) -> Result<Status, Error> {
    let failed = |source| CommandError::Program { program: program.to_string_lossy().into_owned(), source };
    let mut command = Command::new(program);
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    let mut child = context.signals.start(&mut command).map_err(failed)?;
    if let Some(process) = signals::process(&child) {
        // Its number is its own until it is waited for, and signals go there until then.
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let _ = rustix::io::retry_on_intr(|| rustix::process::waitid(WaitId::Pid(process), ended));
    }
    context.signals.take_back();
    Ok(Status::Program(code(child.wait().map_err(failed)?)))
}

/// The exit status, as shells have it where a signal ended the program.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| SIGNAL_BASE + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// The file that tells clients whom to trust.
enum RootFile {
    Given(PathBuf),
    /// In a directory of its own, which goes with it.
    Temporary {
        directory: PathBuf,
        path: PathBuf,
    },
}

impl RootFile {
    fn make(context: &Context, pem: &str) -> Result<Self, Error> {
        let name = format!("acmectl-dev-ca-{:016x}", context.dice()?.u64(..));
        let directory = std::env::temp_dir().join(name);
        let failed = |source| Error::File { path: directory.clone(), source };
        fs::DirBuilder::new().mode(0o755).create(&directory).map_err(failed)?;
        let path = directory.join("root.pem");
        let root = Self::Temporary { directory, path: path.clone() };
        file::create(&path, pem.as_bytes(), 0o644)?;
        Ok(root)
    }

    fn path(&self) -> &Path {
        let (Self::Given(path) | Self::Temporary { path, .. }) = self;
        path
    }
}

impl Drop for RootFile {
    fn drop(&mut self) {
        if let Self::Temporary { directory, .. } = self {
            // What is left of it harms nobody.
            let _ = fs::remove_dir_all(directory);
        }
    }
}

const PORT: u16 = 14_000;
const HTTP_PORT: u16 = 5_002;
const TLS_PORT: u16 = 5_001;
const LONG: Duration = Duration::from_secs(3600);
const SIGNAL_BASE: i32 = 128;

/// acmectl, acme.sh, whoever asks by the RFC's word, and lego.
const DIRECTORY_VARIABLES: [&str; 4] = ["ACME_CA", "ACME_DIRECTORY", "ACME_DIRECTORY_URL", "LEGO_SERVER"];

/// acmectl; acme.sh; curl; lego; Node.js; certbot and other Python; OpenSSL, Go and Rust.
const ROOT_VARIABLES: [&str; 7] = [
    "ACME_CA_ROOT",
    "CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "LEGO_CA_CERTIFICATES",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
];
