//! What one certificate costs a command: wall time, processor time, memory; acmectl beside lego.

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use acme_bench::table::{lay_out, median, milliseconds};
use acme_bench::usage::Usage;
use acme_conformance::pebble::{Pebble, Settings};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

const HELP: &str = "\
command [--rounds N] [--acmectl FILE]

Has acmectl and lego obtain a certificate from one Pebble, one after the other, N times (5). Both
have an account already, and both answer http-01 themselves. acmectl is built unless it is given.";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut options = arguments.as_slice();
    if let ["measure", program, arguments @ ..] = options {
        return measure(program, arguments);
    }
    let (mut rounds, mut acmectl) = (5, None);
    while let [option, value, rest @ ..] = options {
        match *option {
            "--rounds" => rounds = value.parse()?,
            "--acmectl" => acmectl = Some(PathBuf::from(value)),
            _ => return Err(HELP.into()),
        }
        options = rest;
    }
    if !options.is_empty() {
        return Err(HELP.into());
    }
    compare(rounds, acmectl.map_or_else(build_acmectl, Ok)?)?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Clone, Copy)]
enum Client {
    Acmectl,
    Lego,
}

impl Client {
    const ALL: [Self; 2] = [Self::Acmectl, Self::Lego];

    fn name(self) -> &'static str {
        match self {
            Self::Acmectl => "acmectl",
            Self::Lego => "lego",
        }
    }
}

/// Where everything is.
struct World {
    pebble: Pebble,
    http: String,
    state: TempDir,
    acmectl: PathBuf,
}

/// What one run of a command took.
#[derive(Serialize, Deserialize)]
struct Run {
    usage: Usage,
    wall: Duration,
}

fn compare(rounds: u32, acmectl: PathBuf) -> Result<(), Box<dyn Error>> {
    let http_port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let world = World {
        acmectl,
        pebble: Pebble::start(&Settings { http_port, nonce_reject: Some(0), ..Settings::default() })?,
        http: format!("127.0.0.1:{http_port}"),
        state: TempDir::new()?,
    };
    for client in Client::ALL {
        world.issue(client, "registered.example.com")?;
    }
    let mut runs: [Vec<Run>; 2] = Default::default();
    for round in 1..=rounds {
        for (client, runs) in Client::ALL.into_iter().zip(&mut runs) {
            eprintln!("round {round} of {rounds}: {}", client.name());
            runs.push(world.issue(client, &format!("round-{round}.example.com"))?);
        }
    }
    let [_, lego] = &runs;
    let rows: Vec<_> =
        Client::ALL.into_iter().zip(&runs).map(|(client, runs)| row(client, runs, lego)).collect();
    print!(
        "{}",
        lay_out(&["command", "wall ms", "x lego", "CPU ms", "x lego", "max RSS MiB", "x lego"], &rows)
    );
    Ok(())
}

fn row(client: Client, runs: &[Run], lego: &[Run]) -> Vec<String> {
    let figures: [fn(&Run) -> f64; 3] = [
        |run| milliseconds(run.wall),
        |run| milliseconds(run.usage.cpu),
        |run| run.usage.max_rss_kib as f64 / 1024.0,
    ];
    let mut row = vec![client.name().to_owned()];
    for figure in figures {
        let ours = median(runs.iter().map(figure).collect());
        row.push(format!("{ours:.1}"));
        row.push(format!("{:.2}", ours / median(lego.iter().map(figure).collect())));
    }
    row
}

impl World {
    /// Runs a command in a process that has no other child, so that what its children used is
    /// what the command used.
    fn issue(&self, client: Client, name: &str) -> Result<Run, Box<dyn Error>> {
        let url = self.pebble.directory_url();
        let root = self.pebble.root_file();
        let state = self.state.path().join(client.name());
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("measure");
        match client {
            Client::Acmectl => {
                command.arg(&self.acmectl).args(["issue", "--ca", &url, "--agree-tos", "--ca-root"]);
                command.arg(root).args(["--http-listen", &self.http, "--dir"]).arg(state).arg(name);
            }
            Client::Lego => {
                command.env("LEGO_CA_CERTIFICATES", root).args(["lego", "--server", &url, "--accept-tos"]);
                command.args(["--email", "admin@example.com", "--key-type", "ec256", "--path"]).arg(state);
                command.args(["--http", "--http.port", &self.http, "--domains", name, "run"]);
            }
        }
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Err(
                format!("{} failed: {}", client.name(), String::from_utf8_lossy(&output.stderr)).into()
            );
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Runs a program, and prints what it used; what it prints itself goes to standard error.
fn measure(program: &str, arguments: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    let started = Instant::now();
    let output = Command::new(program).args(arguments).stdout(Stdio::null()).output()?;
    let run = Run { wall: started.elapsed(), usage: Usage::of_children()? };
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", serde_json::to_string(&run)?);
    Ok(if output.status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The command as it is released.
fn build_acmectl() -> Result<PathBuf, Box<dyn Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--package", "acme-cli", "--target-dir"])
        .arg(&target)
        .current_dir(&workspace)
        .status()?;
    if !status.success() {
        return Err("acmectl can't be built".into());
    }
    Ok(target.join("release/acmectl"))
}
