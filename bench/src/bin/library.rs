//! What one certificate costs a library: processor time of the client alone, requests, wall time, also
//! where the CA is far away; what it brings along.

use std::error::Error;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use acme_bench::ca::{self, CaProcess, Work};
use acme_bench::client::Kind;
use acme_bench::table::{lay_out, median, milliseconds};
use acme_bench::tree::Package;
use acme_bench::usage::Usage;
use serde::{Deserialize, Serialize};

const HELP: &str = "\
library [--certificates N] [--rounds N] [--distance MILLISECONDS] [--builds N]

Obtains N certificates (50) with each client, against the test CA, in some rounds (5), one client
after the other in each. Then one certificate each for 1, 10 and 100 names, where a round trip takes
so long (50); 0 leaves that out. At last builds each library N times (0) with nothing built before.";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["ca", protocol, round_trip] => {
            ca::serve(protocol.parse()?, Duration::from_millis(round_trip.parse()?))
        }
        ["client", kind, url, root, certificates, names] => {
            client(kind.parse()?, url, Path::new(root), certificates.parse()?, names.parse()?)
        }
        options => compare(&Settings::parse(options)?),
    }
}

struct Settings {
    certificates: u32,
    rounds: u32,
    distance: u64,
    builds: u32,
}

impl Settings {
    fn parse(mut options: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut settings = Self { certificates: 50, rounds: 5, distance: 50, builds: 0 };
        while let [option, value, rest @ ..] = options {
            match *option {
                "--certificates" => settings.certificates = value.parse()?,
                "--rounds" => settings.rounds = value.parse()?,
                "--distance" => settings.distance = value.parse()?,
                "--builds" => settings.builds = value.parse()?,
                _ => return Err(HELP.into()),
            }
            options = rest;
        }
        if options.is_empty() { Ok(settings) } else { Err(HELP.into()) }
    }

    /// As many as are asked for, but a fifth of a client that sleeps through most of its time.
    fn certificates_for(&self, kind: Kind) -> u32 {
        match kind {
            Kind::InstantAcme => self.certificates.div_ceil(5),
            Kind::Floor
            | Kind::FloorOverAcmeHttp
            | Kind::AcmeLib
            | Kind::AcmeTokioHttp1
            | Kind::AcmeTokio
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
    /// What the CA did for it, without the warm-up.
    work: Work,
}

impl Run {
    fn cpu(&self) -> f64 {
        milliseconds(self.report.usage.cpu) / f64::from(self.report.obtained)
    }

    /// The wall time of one issuance, without the CA's own time.
    fn own_time(&self) -> f64 {
        milliseconds(self.report.wall_p50.saturating_sub(self.work.time / self.wanted))
    }
}

fn compare(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let mut runs: [Vec<Run>; Kind::ALL.len()] = Default::default();
    for round in 1..=settings.rounds {
        for (kind, runs) in Kind::ALL.into_iter().zip(&mut runs) {
            eprintln!("round {round} of {}: {kind}", settings.rounds);
            runs.push(run(kind, settings.certificates_for(kind), 1, 0)?);
        }
    }
    let mut rows: Vec<Vec<String>> =
        Kind::ALL.into_iter().zip(&runs).map(|(kind, of_kind)| row(kind, of_kind, &runs)).collect();
    let mut headings = vec![
        "client",
        "obtained",
        "requests/cert",
        "CPU ms/cert",
        "x floor",
        "x instant-acme",
        "wall p50 ms",
        "max RSS MiB",
    ];
    if settings.distance > 0 {
        headings.extend(["1 name far ms", "10 names", "100 names", "x instant-acme"]);
        for (row, cells) in rows.iter_mut().zip(far(settings.distance)?) {
            row.extend(cells);
        }
    }
    let mut old = vec!["-".to_owned(); headings.len()];
    "acme-lib 0.9.1".clone_into(&mut old[0]);
    rows.push(old);
    let packages = Kind::ALL.into_iter().map(Kind::package).chain([Some(Package::OldAcmeLib)]);
    headings.extend(["crates", "build s"]);
    for (package, row) in packages.zip(&mut rows) {
        row.push(package.map_or_else(|| Ok("-".to_owned()), |of| of.crates().map(|of| of.to_string()))?);
        row.push(package.map_or_else(|| Ok("-".to_owned()), |of| build_time(of, settings.builds))?);
    }
    print!("{}", lay_out(&headings, &rows));
    Ok(())
}

fn row(kind: Kind, runs: &[Run], all: &[Vec<Run>; Kind::ALL.len()]) -> Vec<String> {
    let [floor, _, _, _, _, instant_acme, ..] = all;
    let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
    let to = |other: &[Run]| {
        let ratios = runs.iter().zip(other).map(|(run, other)| run.cpu() / other.cpu());
        format!("{:.2}", median(ratios.collect()))
    };
    let obtained: u32 = runs.iter().map(|run| run.report.obtained).sum();
    let wanted: u32 = runs.iter().map(|run| run.wanted).sum();
    let requests = runs.iter().map(|run| run.work.requests).sum::<u64>() as f64;
    vec![
        kind.to_string(),
        format!("{obtained}/{wanted}"),
        format!("{:.2}", requests / f64::from(obtained)),
        format!("{:.3}", of(Run::cpu)),
        to(floor),
        to(instant_acme),
        format!("{:.1}", of(|run| milliseconds(run.report.wall_p50))),
        format!("{:.1}", of(|run| run.report.usage.max_rss_kib as f64 / 1024.0)),
    ]
}

/// How long each client takes for 1, 10 and 100 names far away, and the last beside instant-acme.
fn far(distance: u64) -> Result<Vec<Vec<String>>, Box<dyn Error>> {
    let mut times = Vec::new();
    for kind in Kind::ALL {
        let mut of_kind = Vec::new();
        for names in [1, 10, 100] {
            if names > 1 && [Kind::Floor, Kind::FloorOverAcmeHttp].contains(&kind) {
                of_kind.push(None);
                continue;
            }
            eprintln!("{distance} ms away, {names} names: {kind}");
            of_kind.push(Some(far_time(kind, names, distance)?));
        }
        times.push((kind, of_kind));
    }
    let of = |wanted: Kind| times.iter().find(|(kind, _)| *kind == wanted).and_then(|(_, of)| of[2]);
    let peer = of(Kind::InstantAcme).ok_or("no peer")?;
    let rows = times.iter().map(|(_, times)| {
        let cell = |time: &Option<f64>| time.map_or("-".to_owned(), |time| format!("{time:.0}"));
        let ratio = times[2].map_or_else(|| "-".to_owned(), |time| format!("{:.3}", time / peer));
        times.iter().map(cell).chain([ratio]).collect()
    });
    Ok(rows.collect())
}

/// The median of some runs; one that takes long is not repeated.
fn far_time(kind: Kind, names: usize, distance: u64) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..FAR_RUNS {
        times.push(run(kind, 1, names, distance)?.own_time());
        if times.last().is_some_and(|time| *time > LONG) {
            break;
        }
    }
    Ok(median(times))
}

fn build_time(package: Package, builds: u32) -> Result<String, Box<dyn Error>> {
    if builds == 0 {
        return Ok("-".to_owned());
    }
    let mut times = Vec::new();
    for build in 1..=builds {
        eprintln!("build {build} of {builds}: {package:?}");
        times.push(package.build_time()?.as_secs_f64());
    }
    Ok(format!("{:.0}", median(times)))
}

/// Runs a client in a process of its own; the work of the CA is that after its warm-up.
fn run(kind: Kind, wanted: u32, names: usize, distance: u64) -> Result<Run, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let mut command = Command::new(&program);
    command.args(["ca", kind.protocol().as_str(), &distance.to_string()]);
    let mut ca = CaProcess::start(command)?;
    let mut child = Command::new(&program)
        .args(["client", kind.as_str(), ca.url()])
        .arg(ca.root())
        .args([wanted.to_string(), names.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("no input")?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let mut line = || lines.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
    line()?;
    let before = ca.work()?;
    writeln!(input)?;
    let report = serde_json::from_str(&line()?)?;
    child.wait()?;
    let after = ca.work()?;
    let work = Work { requests: after.requests - before.requests, time: after.time - before.time };
    Ok(Run { report, wanted, work })
}

/// The client process: warms up, says so, waits for a line, and measures itself.
fn client(kind: Kind, url: &str, root: &Path, certificates: u32, names: usize) -> Result<(), Box<dyn Error>> {
    let mut client = kind.connect(url, root)?;
    client.issue(&["warm-up.example.com".to_owned()])?;
    println!("ready");
    io::stdin().read_line(&mut String::new())?;
    let mut walls = Vec::new();
    let before = Usage::of_this_process()?;
    for number in 0..certificates {
        let names: Vec<_> = (0..names).map(|name| format!("name-{number}-{name}.example.com")).collect();
        let started = Instant::now();
        match client.issue(&names) {
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

const FAR_RUNS: u32 = 5;
/// In milliseconds.
const LONG: f64 = 5_000.0;
