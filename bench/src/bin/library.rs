//! What one certificate costs a library: processor time of the client alone, requests, wall time.

use std::error::Error;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use acme_bench::ca::{self, CaProcess};
use acme_bench::client::Kind;
use acme_bench::table::{lay_out, median, milliseconds};
use acme_bench::usage::Usage;
use serde::{Deserialize, Serialize};

const HELP: &str = "\
library [--certificates N] [--rounds N] [--url URL --root FILE]

Obtains N certificates (50) with each client, against the test CA, or against the CA at URL whose
HTTPS certificate ends in FILE; that CA must validate nothing. All that in some rounds (5), one
client after the other in each.";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["ca"] => ca::serve(),
        ["client", kind, url, root, certificates] => {
            client(kind.parse()?, url, Path::new(root), certificates.parse()?)
        }
        options => compare(&Settings::parse(options)?),
    }
}

struct Settings {
    certificates: u32,
    rounds: u32,
    url: Option<String>,
    root: Option<PathBuf>,
}

impl Settings {
    fn parse(mut options: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut settings = Self { certificates: 50, rounds: 5, url: None, root: None };
        while let [option, value, rest @ ..] = options {
            match *option {
                "--certificates" => settings.certificates = value.parse()?,
                "--rounds" => settings.rounds = value.parse()?,
                "--url" => settings.url = Some((*value).to_owned()),
                "--root" => settings.root = Some(value.into()),
                _ => return Err(HELP.into()),
            }
            options = rest;
        }
        if !options.is_empty() || settings.url.is_some() != settings.root.is_some() {
            return Err(HELP.into());
        }
        Ok(settings)
    }

    /// As many as are asked for, but a fifth of a client that sleeps through most of its time.
    fn certificates_for(&self, kind: Kind) -> u32 {
        match kind {
            Kind::InstantAcme => self.certificates.div_ceil(5),
            Kind::Floor
            | Kind::FloorOverAcmeHttp
            | Kind::AcmeLib
            | Kind::InstantAcmeFastPolls
            | Kind::InstantAcmeNoDelay => self.certificates,
        }
    }
}

/// What a client process says at its end.
#[derive(Serialize, Deserialize)]
struct Report {
    obtained: u32,
    usage: Usage,
    wall_p50: Duration,
}

/// One client in one round.
struct Run {
    report: Report,
    wanted: u32,
    requests: Option<u64>,
}

impl Run {
    fn cpu(&self) -> f64 {
        milliseconds(self.report.usage.cpu) / f64::from(self.report.obtained)
    }
}

fn compare(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let mut runs: [Vec<Run>; Kind::ALL.len()] = Default::default();
    for round in 1..=settings.rounds {
        for (kind, runs) in Kind::ALL.into_iter().zip(&mut runs) {
            eprintln!("round {round} of {}: {kind}", settings.rounds);
            runs.push(run(kind, settings)?);
        }
    }
    let [floor, _, _, instant_acme, ..] = &runs;
    let rows: Vec<_> = Kind::ALL
        .into_iter()
        .zip(&runs)
        .map(|(kind, runs)| {
            let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
            let to = |other: &[Run]| {
                let ratios = runs.iter().zip(other).map(|(run, other)| run.cpu() / other.cpu());
                format!("{:.2}", median(ratios.collect()))
            };
            let obtained: u32 = runs.iter().map(|run| run.report.obtained).sum();
            let wanted: u32 = runs.iter().map(|run| run.wanted).sum();
            let requests = runs.iter().filter_map(|run| run.requests).sum::<u64>() as f64;
            vec![
                kind.to_string(),
                format!("{obtained}/{wanted}"),
                if requests > 0.0 {
                    format!("{:.2}", requests / f64::from(obtained))
                } else {
                    "-".to_owned()
                },
                format!("{:.3}", of(Run::cpu)),
                to(floor),
                to(instant_acme),
                format!("{:.1}", of(|run| milliseconds(run.report.wall_p50))),
                format!("{:.1}", of(|run| run.report.usage.max_rss_kib as f64 / 1024.0)),
            ]
        })
        .collect();
    let headings = [
        "client",
        "obtained",
        "requests/cert",
        "CPU ms/cert",
        "x floor",
        "x instant-acme",
        "wall p50 ms",
        "max RSS MiB",
    ];
    print!("{}", lay_out(&headings, &rows));
    Ok(())
}

/// Runs a client in a process of its own; the requests are those after its warm-up.
fn run(kind: Kind, settings: &Settings) -> Result<Run, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let mut ca = None;
    let (url, root) = match (&settings.url, &settings.root) {
        (Some(url), Some(root)) => (url.clone(), root.clone()),
        _ => {
            let mut command = Command::new(&program);
            command.arg("ca");
            let started = ca.insert(CaProcess::start(command)?);
            (started.url().to_owned(), started.root().clone())
        }
    };
    let wanted = settings.certificates_for(kind);
    let mut child = Command::new(&program)
        .args(["client", kind.as_str(), &url])
        .arg(root)
        .arg(wanted.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("no input")?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let mut line = || lines.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
    line()?;
    let before = ca.as_mut().map(CaProcess::requests).transpose()?;
    writeln!(input)?;
    let report = serde_json::from_str(&line()?)?;
    child.wait()?;
    let after = ca.as_mut().map(CaProcess::requests).transpose()?;
    Ok(Run { report, wanted, requests: after.zip(before).map(|(after, before)| after - before) })
}

/// The client process: warms up, says so, waits for a line, and measures itself.
fn client(kind: Kind, url: &str, root: &Path, certificates: u32) -> Result<(), Box<dyn Error>> {
    let mut client = kind.connect(url, root)?;
    client.issue("warm-up.example.com")?;
    println!("ready");
    io::stdin().read_line(&mut String::new())?;
    let mut walls = Vec::new();
    let before = Usage::of_this_process()?;
    for number in 0..certificates {
        let started = Instant::now();
        match client.issue(&format!("name-{number}.example.com")) {
            Ok(()) => walls.push(started.elapsed()),
            Err(error) => eprintln!("{kind}: {error}"),
        }
    }
    let usage = Usage::of_this_process()? - before;
    walls.sort();
    let report = Report {
        obtained: walls.len().try_into()?,
        usage,
        wall_p50: walls.get(walls.len() / 2).copied().unwrap_or_default(),
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
